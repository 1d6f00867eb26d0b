"""Which held request was promised which server, and when.

A promise keeps requests in order: who comes later sees it as an admission that is
spent, so no two requests wake for the same one.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

VACANT = np.iinfo(np.int64).min  # no request has this number
Taken = tuple[Ints, Ints, Floats, Floats]
_NOBODY: Ints = np.empty(0, dtype=np.intp)
_NONE: Taken = _NOBODY, _NOBODY, np.empty(0), np.empty(0)


class Promises:
    """Open promises of each replication, known by the number of the request."""

    def __init__(self, replications: int) -> None:
        self.request = np.full((replications, 4), VACANT, dtype=np.int64)
        self.arm = np.zeros((replications, 4), dtype=np.intp)
        self.time: Floats = np.zeros((replications, 4))
        self.since: Floats = np.zeros((replications, 4))
        self.held: Floats = np.zeros(replications)  # how many promises are open

    def give(self, rows: Ints, request: Ints, arm: Ints, time: Floats, now: Floats) -> None:
        """Promise n requests a server each, at a time."""
        self.held[rows] += 1
        place = self._vacant(rows)
        self.request[rows, place] = request
        self.arm[rows, place] = arm
        self.time[rows, place] = time
        self.since[rows, place] = now

    def take(self, rows: Ints, request: Ints) -> Taken:
        """(m,) which of n requests had a promise, of which server, for when and since when."""
        if not np.count_nonzero(self.held):
            return _NONE
        mine = self.request.take(rows, 0) == request[:, None]
        if not np.count_nonzero(mine):
            return _NONE
        holding = np.flatnonzero(mine.any(axis=1))
        at = rows.take(holding), mine.argmax(axis=1).take(holding)
        self.request[at] = VACANT
        self.held[at[0]] -= 1
        return holding, self.arm[at], self.time[at], self.since[at]

    def open(self) -> tuple[Ints, Ints]:
        """(m,) each: the rows and requests of all open promises."""
        rows, place = np.nonzero(self.request != VACANT)
        return rows, self.request[rows, place]

    def resize(self, keep: Ints) -> None:
        """Servers are others now (see ``Strategy.resize``): what gone ones promised is void."""
        is_now = self.arm[:, :, None] == keep
        self.request[~is_now.any(axis=2)] = VACANT
        self.arm = is_now.argmax(axis=2)
        self.held = np.count_nonzero(self.request != VACANT, axis=1).astype(float)

    def _vacant(self, rows: Ints) -> Ints:
        """(n,) a place of nobody, after making more if somebody has none."""
        vacant = self.request.take(rows, 0) == VACANT
        if vacant.any(axis=1).all():
            place: Ints = vacant.argmax(axis=1)
            return place
        more = (0, 0), (0, self.request.shape[1])
        self.request = np.pad(self.request, more, constant_values=VACANT)
        self.arm, self.time = np.pad(self.arm, more), np.pad(self.time, more)
        self.since = np.pad(self.since, more)
        return self._vacant(rows)
