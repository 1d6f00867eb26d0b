"""Counts of the last attempts only, in two ways: a sliding window, and discounting.

Both forget by *rounds*, the attempts on any server that ended: a server that is left alone becomes
unknown again, and is tried.  (``recent`` keeps the last lessons of each server instead.)  Refusals
are rounds, cancelled attempts are none.

Source: Garivier and Moulines, ALT 2011 (arXiv 0805.3415), section 2.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Outcome
from strategies.parts.counts import Counts

CANCELLED = int(Outcome.CANCELLED)


def rounds(feedback: Feedback) -> Feedback:
    """The attempts that taught something."""
    taught = feedback.outcome < CANCELLED
    return feedback if taught.all() else feedback.take(np.flatnonzero(taught))


class Window(Counts):
    """The counts of the last ``memory`` rounds of each replication.

    ``ring`` (R, memory, K) has a round in each place: 0 but for the server that was attempted,
    which has 1 + its outcome.  So it needs no numbers of servers, which may change.
    """

    def __init__(self, replications: int, arms: int, memory: int) -> None:
        super().__init__(replications, arms)
        self.ring = np.zeros((replications, memory, arms), dtype=np.int8)
        self.turn = np.zeros(replications, dtype=np.intp)

    def learn(self, feedback: Feedback) -> None:
        feedback = rounds(feedback)
        rows, turn = feedback.rows, self.turn.take(feedback.rows)
        oldest = self.ring[rows, turn]
        some, arm = oldest.nonzero()
        self.ended[rows[some], oldest[some, arm] - 1, arm] -= 1
        self.ring[rows, turn] = 0
        self.ring[rows, turn, feedback.arm] = 1 + feedback.outcome
        self.turn[rows] = (turn + 1) % self.ring.shape[1]
        super().learn(feedback)


class Discounted(Counts):
    """Counts in which a round weighs ``discount`` to the power of the rounds that came after."""

    def __init__(self, replications: int, arms: int, discount: float) -> None:
        super().__init__(replications, arms)
        self.discount = discount

    def learn(self, feedback: Feedback) -> None:
        feedback = rounds(feedback)
        self.ended[feedback.rows] *= self.discount
        super().learn(feedback)
