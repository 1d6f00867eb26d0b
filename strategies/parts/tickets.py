"""Which held request was promised which server, and when.

A promise keeps requests in order: who comes later sees it in the ledger as an admission that is
spent, so no two requests wake for the same one.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


class Tickets:
    """Open promises of each replication.

    A request is recognised by its deadline, which no other request of its run shares.
    """

    def __init__(self, replications: int) -> None:
        self.deadline: Floats = np.full((replications, 4), -np.inf)  # of requests that are gone
        self.arm = np.zeros((replications, 4), dtype=np.intp)
        self.time: Floats = np.zeros((replications, 4))
        self.since: Floats = np.zeros((replications, 4))
        self.given = False  # ever

    def give(self, rows: Ints, deadline: Floats, arm: Ints, time: Floats, now: Floats) -> None:
        """Promise n requests a server each, at a time."""
        self.given = True
        place = self._vacant(rows, time)
        self.deadline[rows, place] = deadline
        self.arm[rows, place] = arm
        self.time[rows, place] = time
        self.since[rows, place] = now

    def take(self, rows: Ints, deadline: Floats) -> tuple[Ints, Ints, Floats, Floats]:
        """(m,) which of n requests have a promise, of which server, for when and since when."""
        mine = self.deadline.take(rows, 0) == deadline[:, None]
        holding = np.flatnonzero(mine.any(axis=1))
        at = rows.take(holding), mine.argmax(axis=1).take(holding)
        self.deadline[at] = -np.inf
        return holding, self.arm[at], self.time[at], self.since[at]

    def _vacant(self, rows: Ints, time: Floats) -> Ints:
        """(n,) a place of nobody, or of a request whose deadline is over."""
        place = self._earliest(rows)
        if (self.deadline[rows, place] < time).all():
            return place
        wider = (0, 0), (0, self.deadline.shape[1])
        self.deadline = np.pad(self.deadline, wider, constant_values=-np.inf)
        self.arm, self.time = np.pad(self.arm, wider), np.pad(self.time, wider)
        self.since = np.pad(self.since, wider)
        return self._earliest(rows)

    def _earliest(self, rows: Ints) -> Ints:
        place: Ints = self.deadline.take(rows, 0).argmin(axis=1)
        return place
