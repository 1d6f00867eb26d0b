"""A backoff: a cooldown that doubles with every refusal, until the server succeeds again."""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import REFUSED, SUCCEEDED


class Backoff:
    """A refusal sets m = min(most, 2 m) and blocks for ``base`` x m seconds; m is 1 at first.

    The doubling comes before the use, so the first block is already 2 x ``base``: the published
    code's slip, kept.  A new end overwrites an older one, even a later one.  A success sets m = 1
    but lifts no block.  A failure changes nothing.
    """

    def __init__(self, replications: int, arms: int, base: float, most: float) -> None:
        self.base, self.most = base, most
        self.multiplier: Floats = np.ones((replications, arms))
        self.blocked_until: Floats = np.full((replications, arms), -np.inf)

    def learn(self, feedback: Feedback) -> None:
        refused = feedback.outcome == REFUSED
        if np.count_nonzero(refused):
            at = feedback.rows[refused], feedback.arm[refused]
            doubled = np.minimum(self.most, 2 * self.multiplier[at])
            self.multiplier[at] = doubled
            self.blocked_until[at] = feedback.now[refused] + self.base * doubled
        succeeded = feedback.outcome == SUCCEEDED
        self.multiplier[feedback.rows[succeeded], feedback.arm[succeeded]] = 1.0

    def rested(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) seconds since each block ended: negative while blocked, infinite if never."""
        return now[:, None] - self.blocked_until.take(rows, 0)

    def until(self, now: Floats) -> Floats:
        """(R, K) when each block ends; ``now`` (R,) where there is none."""
        return np.maximum(self.blocked_until, now[:, None])
