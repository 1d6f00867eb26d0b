"""How late an attempt may still be sent: early enough to be answered before the deadline."""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import REFUSED

LEAST = 0.1  # seconds
RATE = 0.1  # of learning
ANSWERS = 2.0  # so many mean latencies before the deadline


class Patience:
    """Remembers the mean latency of each replication, recent answers counting most."""

    def __init__(self, replications: int) -> None:
        self.latency: Floats = np.zeros(replications)

    def learn(self, feedback: Feedback) -> None:
        heard = (feedback.outcome < REFUSED).nonzero()[0]
        rows = feedback.rows[heard]
        self.latency[rows] += RATE * (feedback.latency[heard] - self.latency[rows])

    def left(self, rows: Ints, now: Floats, deadline: Floats) -> Floats:
        """(n,) for how many seconds requests can be held."""
        needed = LEAST + ANSWERS * self.latency[rows]
        return np.maximum(deadline - now - needed, 0.0)
