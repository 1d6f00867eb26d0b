"""How many attempts a second are sent."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from strategies.parts.stopwatch import Stopwatch


class AttemptRate:
    """Attempts sent, over the seconds since the first decision, taken as ``least`` at first."""

    def __init__(self, replications: int, least: float) -> None:
        self.least = least
        self.watch = Stopwatch(replications)
        self.sent: Floats = np.zeros(replications)

    def per_second(self, rows: Ints, now: Floats) -> Floats:
        """(n,) attempts a second, the one that is being decided included."""
        elapsed = np.maximum(self.watch.elapsed(rows, now), self.least)
        rate: Floats = (self.sent.take(rows) + 1.0) / elapsed
        return rate

    def count(self, rows: Ints) -> None:
        """An attempt was sent in each of n replications."""
        self.sent[rows] += 1.0
