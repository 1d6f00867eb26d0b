"""Things that wait, in a queue for each of R replications: rings of ``room`` places in arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flaky_load_balancer.core.types import Bools, Ints

ROOM = 64  # of each replication, at first

Fields = dict[str, NDArray[Any]]


class Queues:
    """What came (``came`` counts it) and was not taken yet (``gone`` counts what was).

    A thing is a value in some named fields; what one leaves out is whatever was there before.
    """

    def __init__(self, replications: int) -> None:
        self.room = ROOM
        self.came, self.gone = np.zeros(replications, np.intp), np.zeros(replications, np.intp)
        self.kept: Fields = {}  # (R, room, ...)

    def put(self, rows: Ints, fields: Mapping[str, NDArray[Any] | None]) -> None:
        """Append a thing to each of n queues; each field is (n, ...), or None."""
        if (self.came - self.gone).take(rows).max(initial=0) >= self.room:
            self._grow()
        place = self.came.take(rows) % self.room
        for name, values in fields.items():
            if values is not None:
                shape = (len(self.came), self.room, *values.shape[1:])
                kept = self.kept.setdefault(name, np.zeros(shape, values.dtype))
                kept[rows, place] = values
        self.came[rows] += 1

    def at(self, name: str, rows: Ints, number: Ints) -> NDArray[Any]:
        """(n, ...) a field of the ``number``-th thing (n,) of n queues, counted from 0."""
        return self.kept[name][rows, number % self.room]

    def waiting(self, rows: Ints) -> Bools:
        """(n,) whether anything is in these queues."""
        return self.gone.take(rows) < self.came.take(rows)

    def take(self, rows: Ints) -> Fields:
        """The first thing of each of these queues, as fields."""
        place = self.gone.take(rows) % self.room
        self.gone[rows] += 1
        return {name: kept[rows, place] for name, kept in self.kept.items()}

    def _grow(self) -> None:
        """Twice the room; what waits is moved to where it will be looked for."""
        numbers = self.gone[:, None] + np.arange(self.room)
        every = np.arange(len(self.gone))[:, None]
        for name, kept in self.kept.items():
            wide = np.zeros((len(kept), 2 * self.room, *kept.shape[2:]), kept.dtype)
            wide[every, numbers % (2 * self.room)] = kept[every, numbers % self.room]
            self.kept[name] = wide
        self.room *= 2
