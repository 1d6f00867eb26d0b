"""Counts that the processes of a service share: memory that all of them see.

The parent makes it and says at which place each name is; a worker writes only cells of its own, so
there is no lock, which one that is killed could hold.  A count's cells lie side by side, one for
each worker; a row of numbers is as many such counts.
"""

import mmap
import os
import sys
import tempfile
from collections.abc import Sequence

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.proxy.counts import BALANCE, Balance, Count, Row

PLACES = 1 << 16  # counts that there is room for; memory that nobody has used costs nothing
CELL = 8  # bytes


class Ledger:
    """Shared counts; ``mine`` is the worker that writes here, None in the parent."""

    def __init__(
        self, file: int, workers: int, places: dict[str, int], mine: int | None = None
    ) -> None:
        self.file, self.workers, self.places = file, workers, places
        self._own, self._next = mine is None, 0
        self._passing: set[str] = set()
        self._mine = mine or 0
        self._memory = mmap.mmap(file, PLACES * workers * CELL)
        view = memoryview(self._memory)
        self._whole, self._real = view.cast("q"), view.cast("d")

    @classmethod
    def new(cls, workers: int) -> "Ledger":
        """An empty one for so many workers, in a file without a name."""
        file = _nameless()
        os.ftruncate(file, PLACES * workers * CELL)
        return cls(file, workers, {})

    def count(self, name: str, *, passing: bool = False) -> Count:
        """The count of this name; of what is ``passing``, a worker that dies has none."""
        start = self._place(name, 1) * self.workers
        if passing:
            self._passing.add(name)
        return Count(self._whole[start : start + self.workers], self._mine)

    def balance(self, name: str) -> Balance:
        return Balance(*self.rows(name, BALANCE))

    def rows(self, name: str, width: int) -> tuple[Sequence[Row], int]:
        start = self._place(name, width) * self.workers
        end = start + width * self.workers
        rows = [self._real[start + row : end : self.workers] for row in range(self.workers)]
        return rows, self._mine

    def clear(self, worker: int) -> None:
        """This worker is dead: what was passing through it is there no more."""
        for name in self._passing:
            self._whole[self.places[name] * self.workers + worker] = 0

    def close(self) -> None:
        os.close(self.file)

    def _place(self, name: str, width: int) -> int:
        place = self.places.get(name)
        if place is None:
            assert self._own, f"the parent has no count {name}"
            place, self._next = self._next, self._next + width
            if self._next > PLACES:
                raise UserError("routes and servers have changed too often: restart flb serve")
            self.places[name] = place
        return place


def _nameless() -> int:
    if sys.platform == "linux":
        return os.memfd_create("flb-counts")
    file, path = tempfile.mkstemp()
    os.unlink(path)  # noqa: PTH108
    return file
