"""Several attempts of one request as steps: what changes from step to step, and what was spent.

After the setting of Poon et al. 2025, arXiv 2506.17670: a query goes from model to model until one
answers it, and each step has a context of its own.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints

REMEMBERED = 64  # requests of each replication whose spending is kept


def evolved(x: Floats, attempt: Ints, steps: int) -> Floats:
    """(n, d + steps) features with the number of the step, as marks: the last one for all later."""
    marks = np.zeros((len(x), steps))
    marks[np.arange(len(x)), np.minimum(attempt, steps) - 1] = 1.0
    return np.hstack([x, marks])


class Spent:
    """Dollars that each of the latest requests has cost so far."""

    def __init__(self, replications: int) -> None:
        self.request = np.full((replications, REMEMBERED), -1, dtype=np.int64)
        self.dollars: Floats = np.zeros((replications, REMEMBERED))

    def learn(self, feedback: Feedback) -> None:
        """An attempt was paid for; the place is that of the request's number, for the latest."""
        rows, place = feedback.rows, feedback.request % REMEMBERED
        other = self.request[rows, place] != feedback.request
        self.request[rows, place] = feedback.request
        before = np.where(other, 0.0, self.dollars[rows, place])
        self.dollars[rows, place] = before + feedback.cost

    def by(self, rows: Ints, request: Ints) -> Floats:
        """(n,) what these requests have cost."""
        place = request % REMEMBERED
        mine = self.request[rows, place] == request
        return np.where(mine, self.dollars[rows, place], 0.0)
