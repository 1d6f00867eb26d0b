"""Beta posteriors from the last successes and failures of each server: a sliding window.

What is older than the last ``memory`` lessons of a server is forgotten, so an estimate follows a
server that changes, at the price of never being surer than ``memory`` lessons allow (sliding
window Thompson sampling: Trovo et al., JAIR 2020).  Refusals neither enter nor push out.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.batches import place
from strategies.parts.beta import beliefs, draw
from strategies.parts.counts import FAILED

VACANT = 2  # beside SUCCEEDED = 0 and FAILED = 1: a place in the ring that was never filled


class RecentBeta:
    """A ring of lessons for every server, and how many of each kind it holds."""

    def __init__(self, replications: int, arms: int, memory: int, a: float, b: float) -> None:
        self.prior = np.array([[a], [b]], dtype=float)
        self.ring = np.full((replications, arms, memory), VACANT, dtype=np.int8)
        self.turn = np.zeros((replications, arms), dtype=np.intp)
        self.held: Floats = np.zeros((replications, 3, arms))
        self.held[:, VACANT] = memory

    def learn(self, feedback: Feedback) -> None:
        lesson = feedback.outcome <= FAILED
        if np.count_nonzero(lesson):
            rows, arm, kind = (x[lesson] for x in (feedback.rows, feedback.arm, feedback.outcome))
            self._push(rows, arm, kind)

    def _push(self, rows: Ints, arm: Ints, kind: Ints) -> None:
        """Put a lesson in the place of the oldest one."""
        row, server, lesson = place(rows, arm, kind)
        turn = self.turn[row, server]
        oldest = self.ring[row, server, turn]
        self.held[row, oldest, server] -= 1
        self.held[row, lesson, server] += 1
        self.ring[row, server, turn] = lesson
        self.turn[row, server] = (turn + 1) % self.ring.shape[2]

    def draw(self, rows: Ints, rng: np.random.Generator) -> Floats:
        return draw(self.held.take(rows, 0)[:, :VACANT] + self.prior, rng)

    def beliefs(self) -> dict[str, Floats]:
        return beliefs(self.held[:, :VACANT] + self.prior)
