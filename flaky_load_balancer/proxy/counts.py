"""Counts that may be of several processes: each writes a cell of its own, all see the sum.

So nobody waits for anybody.  ``take`` writes first and then looks whether the sum is too large: of
two processes that want the last place at the same moment both may be refused, never both let in.
"""

from collections import defaultdict
from collections.abc import MutableSequence, Sequence
from typing import Protocol, TypeAlias

LIFETIME = 10  # seconds that a balance looks back
BALANCE = LIFETIME + 1  # numbers that it takes

Cells: TypeAlias = "MutableSequence[int] | memoryview[int]"
Row: TypeAlias = "MutableSequence[float] | memoryview[float]"


class Count:
    """A whole number; ``cells`` has an entry for each process, of which ``mine`` is this one's."""

    __slots__ = ("_cells", "_mine")

    def __init__(self, cells: "Cells | None" = None, mine: int = 0) -> None:
        self._cells: Cells = [0] if cells is None else cells
        self._mine = mine

    def add(self, amount: int) -> None:
        self._cells[self._mine] += amount

    def take(self, most: float) -> bool:
        """Add one, unless that makes more than ``most``; whether it was added."""
        self._cells[self._mine] += 1
        if sum(self._cells) <= most:
            return True
        self._cells[self._mine] -= 1
        return False

    def next(self) -> int:
        """Add one; a number from 1 up that is nobody else's."""
        number = self.coming
        self._cells[self._mine] += 1
        return number

    @property
    def coming(self) -> int:
        """What ``next`` will return."""
        return self._cells[self._mine] * len(self._cells) + self._mine + 1

    @property
    def shared(self) -> bool:
        """Other processes count, too."""
        return len(self._cells) > 1

    @property
    def total(self) -> int:
        return sum(self._cells)


class Balance:
    """What the last ten seconds brought, less what they took.

    ``rows`` has an entry for each process: a number for every second, by its last digit, and then
    the newest of these seconds.  What an idle process left behind is not counted for longer.
    Longer rows remember more seconds; what a second is, is up to whoever says what time it is.
    """

    __slots__ = ("_kept", "_mine", "_rows")

    def __init__(self, rows: "Sequence[Row] | None" = None, mine: int = 0) -> None:
        self._rows: Sequence[Row] = [[0.0] * BALANCE] if rows is None else rows
        self._mine = self._rows[mine]
        self._kept = len(self._mine) - 1  # seconds

    @property
    def begun(self) -> bool:
        """Whether any process has ever added something."""
        return any(row[self._kept] for row in self._rows)

    def add(self, now: float, amount: float) -> None:
        row, second, kept = self._mine, int(now), self._kept
        newest = int(row[kept])
        if second > newest:
            for passed in range(max(newest + 1, second - kept + 1), second + 1):
                row[passed % kept] = 0.0
            row[kept] = second
        row[max(second, newest) % kept] += amount

    def total(self, now: float) -> float:
        return sum(_recent(row, int(now)) for row in self._rows)


def _recent(row: Row, second: int) -> float:
    """The sum of those of its seconds that are not too far behind ``second``."""
    length = len(row) - 1
    newest = int(row[length])
    if second > newest:
        kept = range(second - length + 1, newest + 1)
        return sum(row[each % length] for each in kept)
    return sum(row[:length])


class Counts(Protocol):
    """Where counts come from, by name."""

    def count(self, name: str, *, passing: bool = False) -> Count:
        """One that goes on from where it was; of what is ``passing`` it is what is there now."""

    def balance(self, name: str) -> Balance:
        """One that goes on from where it was."""

    def rows(self, name: str, width: int) -> tuple[Sequence[Row], int]:
        """So many numbers of each process, as they were; and which of the rows is this one's."""


class OwnCounts:
    """Those of a single process."""

    def __init__(self) -> None:
        self._counts: dict[str, Count] = defaultdict(Count)
        self._rows: dict[str, list[float]] = {}

    def count(self, name: str, *, passing: bool = False) -> Count:  # noqa: ARG002
        return self._counts[name]

    def balance(self, name: str) -> Balance:
        return Balance(*self.rows(name, BALANCE))

    def rows(self, name: str, width: int) -> tuple[Sequence[Row], int]:
        return [self._rows.setdefault(name, [0.0] * width)], 0
