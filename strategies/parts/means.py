"""The mean of a value for each server, whatever the features: what contextual models are held to.

With ``decay`` < 1 every observation of a server shrinks what was known of it before.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


class Means:
    """R x K means; the same questions as ``Ridge`` answers, with features ignored."""

    def __init__(self, replications: int, arms: int, *, decay: float = 1.0) -> None:
        self.decay = decay
        self.count: Floats = np.zeros((replications, arms))
        self.total: Floats = np.zeros((replications, arms))

    def mean(self, rows: Ints, x: Floats) -> Floats:  # noqa: ARG002
        """(n, K) the mean value of every server, 0 where nothing was observed."""
        mean: Floats = self.total.take(rows, 0) / np.maximum(self.count.take(rows, 0), 1.0)
        return mean

    def pulls(self, rows: Ints) -> Floats:
        """(n, K) how many values each server has been learnt from."""
        pulls: Floats = self.count.take(rows, 0)
        return pulls

    def learn(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None:  # noqa: ARG002
        """Servers ``arm`` (n,) were worth ``value`` (n,)."""
        if self.decay < 1.0:
            for table in (self.count, self.total):
                table[rows, arm] *= self.decay
        self.count[rows, arm] += 1.0
        self.total[rows, arm] += value

    def correct(self, rows: Ints, arm: Ints, x: Floats, change: Floats) -> None:  # noqa: ARG002
        """Values that were learnt turned out to be larger by ``change`` (n,)."""
        self.total[rows, arm] += change
