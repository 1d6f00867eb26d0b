"""What a place for records can do: SQLite (sqlite.py) and PostgreSQL (postgres.py) both.

Statements are in the SQL that both share, with values as ``?`` or ``:name``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.events import Event

DEFAULT_DATA_DIR = Path(".flb")

Row = dict[str, Any]
Values = Mapping[str, Any] | Sequence[Any]
Batch = Sequence[tuple[int, Event]]  # runs and their events


class RecordsError(UserError):
    """The records cannot be opened, read or changed; the message says what to do about it."""


class NoRecordsYetError(RecordsError):
    """There are no tables in this place."""


class StillRunningError(RecordsError):
    """What goes on cannot be deleted."""


class Database(ABC):
    """An open database, in autocommit."""

    errors: tuple[type[Exception], ...]  # what goes wrong with it, and may go right later
    refused: tuple[type[Exception], ...]  # what can never be written, however often it is tried

    @abstractmethod
    def rows(self, statement: str, values: Values = ()) -> list[Row]: ...

    @abstractmethod
    def tuples(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def execute(self, statement: str, values: Values = ()) -> int:
        """How many rows were changed."""

    def row(self, statement: str, values: Values = ()) -> Row | None:
        """The first row, if any."""
        return next(iter(self.rows(statement, values)), None)

    def value(self, statement: str, values: Values = ()) -> Any:
        """The first column of the first row; None if there is no row."""
        return next((row[0] for row in self.tuples(statement, values)), None)

    @abstractmethod
    def insert(self, first: int, batch: Batch) -> None:
        """Write events at the positions from ``first`` on."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute(self.begin)
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self.recover()
            raise

    begin = "BEGIN"

    @abstractmethod
    def recover(self) -> None:
        """After an error: end the transaction, if one is open; reconnect when next used."""

    @abstractmethod
    def patience(self, seconds: float) -> None:
        """Wait at most so long for the transactions of others."""

    @abstractmethod
    def used(self) -> int:
        """Bytes in use."""

    @abstractmethod
    def shrink(self) -> Iterator[None]:
        """Give space that is free back, a step at a time."""

    @abstractmethod
    def close(self) -> None: ...


class Store(ABC):
    """A place for records; ``name`` is for messages and holds no password."""

    name: str
    sizeable: bool  # can it be kept to a size?

    @property
    @abstractmethod
    def flags(self) -> tuple[list[str], dict[str, str]]:
        """How a command is told of this place: flags, and variables of its environment."""

    @abstractmethod
    def connect(self, *, create: bool = False) -> Database:
        """Open it, and migrate older tables; with ``create``, make what is missing.

        NoRecordsYetError if there is nothing, RecordsError if it cannot be used.
        """

    @abstractmethod
    def unusable(self, error: Exception) -> RecordsError:
        """What a user is told when it cannot be opened, read or written."""

    def check(self) -> None:  # noqa: B027
        """OSError if what is open is no longer what is there."""


def too_new(name: str, version: int, known: int) -> RecordsError:
    return RecordsError(
        f"{name} was written by a newer flb (format {version}, this one knows {known}):"
        " use that one, choose another place with --data-dir or --records, or move it away"
    )
