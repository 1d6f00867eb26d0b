"""Records in a folder: one SQLite file.

It is in WAL mode: readers and one writer at a time do not wait for each other, and a killed
process leaves whole transactions.  A file that is not ours, or of a newer version, is left alone.

A batch of events is one JSON text that SQLite takes apart itself.  Binding row after row instead
blocks a busy event loop five to ten times longer (docs/decisions/0002-records-in-sqlite.md).
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from flaky_load_balancer.core.events import Event
from flaky_load_balancer.records.database import (
    Batch,
    Database,
    NoRecordsYetError,
    RecordsError,
    Row,
    Store,
    Values,
    too_new,
)
from flaky_load_balancer.records.tables import EVENTS, VERSION, statements

FILE = "records.db"
APPLICATION = 0x464C4221  # "FLB!": tells our files from other programs'
OLDEST_SQLITE = (3, 37)  # STRICT tables
PATIENCE = 5.0  # seconds to wait for another process' transaction


def _insert(made: type[Event]) -> str:
    """Insert [[run, position, field, ...], ...], all of this kind."""
    names = "run", "position", *made._fields
    values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(names)))
    into = f"{EVENTS[made]} ({', '.join(names)})"
    return f"INSERT INTO {into} SELECT {values} FROM json_each(:rows)"


INSERT = {made: _insert(made) for made in EVENTS}


class SQLite(Database):
    """An open file, or one in memory."""

    errors = (sqlite3.Error,)
    refused = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, TypeError)
    begin = "BEGIN IMMEDIATE"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        cursor = self.connection.execute(statement, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def tuples(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, values).fetchall()

    def execute(self, statement: str, values: Values = ()) -> int:
        return self.connection.execute(statement, values).rowcount

    def insert(self, first: int, batch: Batch) -> None:
        rows: dict[type[Event], list[tuple[Any, ...]]] = {}
        for position, (run, event) in enumerate(batch, first):
            rows.setdefault(type(event), []).append((run, position, *event))
        for made, those in rows.items():
            encoded = orjson.dumps(those, option=orjson.OPT_SERIALIZE_NUMPY).decode()
            self.execute(INSERT[made], {"rows": encoded})

    def recover(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.rollback()

    def patience(self, seconds: float) -> None:
        self.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")

    def used(self) -> int:
        """The file's size without what is free in it."""
        pages, free, size = map(self.pragma, ("page_count", "freelist_count", "page_size"))
        return (pages - free) * size

    def shrink(self) -> Iterator[None]:
        """Give free pages back to the file system."""
        while self.pragma("freelist_count") > 0:
            self.tuples("PRAGMA incremental_vacuum(1000)")
            yield
        self.tuples("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()

    def pragma(self, name: str) -> int:
        return int(self.value(f"PRAGMA {name}"))

    def migrate(self) -> None:
        """Bring the tables, if any, to this version; all of it or nothing."""
        if self.pragma("user_version") == VERSION:
            return
        with self.transaction():
            for statement in statements(self.pragma("user_version")):  # another may be faster
                self.execute(statement)
            self.execute(f"PRAGMA application_id = {APPLICATION}")
            self.execute(f"PRAGMA user_version = {VERSION}")


class Folder(Store):
    """A folder with the file ``records.db``."""

    sizeable = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.name = str(folder)
        self._file: int | None = None  # the number of the file that was opened

    @property
    def flags(self) -> tuple[list[str], dict[str, str]]:
        return ["--data-dir", str(self.folder)], {}

    def connect(self, *, create: bool = False) -> SQLite:
        if not create and not self.path.exists():
            raise NoRecordsYetError(f"there are no records in {self.folder}: is --data-dir right?")
        try:
            if create:
                self.folder.mkdir(parents=True, exist_ok=True)
            db = self._open("rwc" if create else "rw")
        except (OSError, sqlite3.Error) as error:
            raise self.unusable(error) from error
        try:
            self._prepare(db, create)
            self._file = self._file or self.path.stat().st_ino
        except (OSError, sqlite3.Error) as error:
            db.close()
            raise self.unusable(error) from error
        except BaseException:
            db.close()
            raise
        return db

    def unusable(self, error: Exception) -> RecordsError:
        return RecordsError(
            f"cannot use {self.path} ({error}): choose a folder that can be written with"
            " --data-dir, or do without records: --no-records, or flb compare without --save"
        )

    def check(self) -> None:
        """Writing to a deleted file succeeds, and is of no use to anyone."""
        if self.path.stat().st_ino != self._file:
            raise FileNotFoundError("the file was replaced: restart to record into the new one")

    def _open(self, mode: str) -> SQLite:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        return SQLite(
            sqlite3.connect(
                uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        )

    def _prepare(self, db: SQLite, create: bool) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise RecordsError(
                f"records need SQLite 3.37 or newer, this Python has {sqlite3.sqlite_version}:"
                " use a newer Python, or --no-records"
            )
        if db.value("SELECT count(*) FROM sqlite_schema") or db.pragma("user_version"):
            self._check(db)
        elif not create:
            raise NoRecordsYetError(f"{self.path} holds no records")
        else:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only possible before the first table
            _write_ahead(db)
        db.migrate()
        db.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may lose a second
        db.execute("PRAGMA journal_size_limit = 8388608")

    def _check(self, db: SQLite) -> None:
        if db.pragma("application_id") != APPLICATION:
            raise RecordsError(
                f"{self.path} is a database of another program:"
                " choose another folder with --data-dir"
            )
        if (version := db.pragma("user_version")) > VERSION:
            raise too_new(str(self.path), version, VERSION)


def empty() -> SQLite:
    """A database that holds nothing, in memory."""
    db = SQLite(sqlite3.connect(":memory:", isolation_level=None))
    db.migrate()
    return db


def _write_ahead(db: SQLite) -> None:
    """Switch to WAL; SQLite does not wait here when another process does the same."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            db.tuples("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
