"""How late an attempt may still be sent: early enough to be answered before the deadline."""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import REFUSED

MARGIN = 0.1  # seconds that are always left
LEARNING_RATE = 0.1  # of the mean latency
ANSWERS = 2.0  # mean latencies that are left for the answer


class TimeLeft:
    """Remembers the mean latency of each replication, recent answers counting most."""

    def __init__(self, replications: int) -> None:
        self.latency: Floats = np.zeros(replications)

    def learn(self, feedback: Feedback) -> None:
        if len(feedback.rows) == 1:  # as live: numbers are quicker than arrays
            if feedback.outcome.item() < REFUSED:
                row = feedback.rows.item()
                mean = self.latency.item(row)
                self.latency[row] = mean + LEARNING_RATE * (feedback.latency.item() - mean)
            return
        heard = (feedback.outcome < REFUSED).nonzero()[0]
        rows = feedback.rows[heard]
        self.latency[rows] += LEARNING_RATE * (feedback.latency[heard] - self.latency[rows])

    def seconds(self, rows: Ints, now: Floats, deadline: Floats) -> Floats:
        """(n,) for how many seconds requests can be held."""
        needed = MARGIN + ANSWERS * self.latency[rows]
        return np.maximum(deadline - now - needed, 0.0)
