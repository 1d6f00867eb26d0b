"""How every part of the program opens the database of records.

It is in WAL mode: readers and one writer at a time do not wait for each other, and a killed
process leaves whole transactions.  A file that is not ours, or of another version, is left alone.
"""

import re
import sqlite3
import time
from pathlib import Path

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.records.tables import MIGRATIONS, VERSION

FILE = "records.db"
DEFAULT_DATA_DIR = Path(".flb")
APPLICATION = 0x464C4221  # "FLB!": tells our files from other programs'
OLDEST_SQLITE = (3, 37)  # STRICT tables
PATIENCE = 5.0  # seconds to wait for another process' transaction


class RecordsError(UserError):
    """The records cannot be opened, read or changed; the message says what to do about it."""


class NoRecordsYetError(RecordsError):
    """There is no database in this folder."""


class StillRunningError(RecordsError):
    """What goes on cannot be deleted."""


def connect(data_dir: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open the records in this folder, in autocommit; with ``create``, make what is missing."""
    path = data_dir / FILE
    if not create and not path.exists():
        raise NoRecordsYetError(f"there are no records in {data_dir}: is --data-dir right?")
    try:
        if create:
            data_dir.mkdir(parents=True, exist_ok=True)
        mode = "rwc" if create else "rw"
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        db = sqlite3.connect(
            uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error) from error
    try:
        _prepare(db, path, create)
    except sqlite3.Error as error:
        db.close()
        raise unusable(path, error) from error
    except BaseException:
        db.close()
        raise
    return db


def empty() -> sqlite3.Connection:
    """A database that holds nothing, in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    _migrate(db)
    return db


def _prepare(db: sqlite3.Connection, path: Path, create: bool) -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise RecordsError(
            f"records need SQLite 3.37 or newer, this Python has {sqlite3.sqlite_version}:"
            " use a newer Python, or --no-records"
        )
    if _is_empty(db):
        if not create:
            raise NoRecordsYetError(f"{path} holds no records")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only possible before the first table
        _write_ahead(db)
    else:
        _check(db, path)
    _migrate(db)
    db.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may lose the last second
    db.execute("PRAGMA journal_size_limit = 8388608")


def _is_empty(db: sqlite3.Connection) -> bool:
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return int(tables) == 0 and _pragma(db, "user_version") == 0


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the tables, if any, to this version; all of it or nothing."""
    if _pragma(db, "user_version") == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(_pragma(db, "user_version")):  # another may have been faster
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _statements(version: int) -> list[str]:
    """What makes tables of this version of those of an older one."""
    text = re.sub(r"--.*", "", "".join(MIGRATIONS[version:]))
    return [statement for statement in text.split(";") if statement.strip()]


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait here when another process does the same."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _check(db: sqlite3.Connection, path: Path) -> None:
    if _pragma(db, "application_id") != APPLICATION:
        raise RecordsError(
            f"{path} is a database of another program: choose another folder with --data-dir"
        )
    version = _pragma(db, "user_version")
    if version > VERSION:
        raise RecordsError(
            f"{path} was written by a newer flb (format {version}, this one knows {VERSION}):"
            " use that one, choose another folder with --data-dir, or move the file away"
        )


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def unusable(path: Path, error: Exception) -> RecordsError:
    """What a user is told when the file cannot be opened, read or written."""
    return RecordsError(
        f"cannot use {path} ({error}): choose a folder that can be written with --data-dir,"
        " or do without records: --no-records, or flb compare without --save"
    )
