"""The database of records: its tables, and how every part of the program opens it.

Times are seconds since the epoch, latencies seconds.  A *position* numbers attempts and
deliveries together, in the order in which they were recorded, across the whole database.
"""

import sqlite3
import time
from pathlib import Path

FILE = "records.db"
DEFAULT_DATA_DIR = Path(".flb")
APPLICATION = 0x464C4221  # "FLB!": tells our files from other programs'
VERSION = 1
OLDEST_SQLITE = (3, 37)  # STRICT tables
PATIENCE = 5.0  # seconds to wait for another process' transaction

TABLES = """
CREATE TABLE writers (          -- processes that record; gone ones leave interrupted runs
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    seen REAL NOT NULL          -- renewed every few seconds
) STRICT;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('harness', 'serve', 'compare')),
    writer INTEGER NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    seed INTEGER,
    rate REAL,
    settings TEXT NOT NULL,     -- JSON
    result TEXT                 -- JSON
) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    writer INTEGER NOT NULL,
    route TEXT NOT NULL,
    path TEXT NOT NULL,
    strategy TEXT NOT NULL,
    scenario TEXT,
    servers TEXT NOT NULL,      -- JSON: URLs, in the order of the indices in attempts
    rules TEXT NOT NULL,        -- JSON
    truth TEXT,                 -- JSON: true success probabilities, where they are known
    bound TEXT,                 -- JSON: [[requests, score], ...]
    seed INTEGER,
    rate REAL,
    started REAL NOT NULL,
    ended REAL,
    client TEXT,                -- JSON: what the client measured; goes before our own numbers
    kept_from REAL,             -- everything older was deleted to save space
    numbers TEXT,               -- JSON: a cache of the fold of this run's events ...
    folded INTEGER              -- ... up to this position
) STRICT;
CREATE INDEX runs_of_session ON runs (session);
CREATE TABLE attempts (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    request INTEGER NOT NULL,
    number INTEGER NOT NULL,
    server INTEGER NOT NULL,
    outcome INTEGER NOT NULL,   -- 0 succeeded, 1 failed, 2 rate-limited, 3 cancelled
    sent REAL NOT NULL,
    latency REAL NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE requests (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    request INTEGER NOT NULL,
    id TEXT NOT NULL,
    arrived REAL NOT NULL,
    ended REAL NOT NULL,
    ending TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    possibly_twice INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_number ON requests (run, request);
CREATE TABLE frames (
    run INTEGER NOT NULL,
    time REAL NOT NULL,
    frame TEXT NOT NULL         -- JSON
) STRICT;
CREATE INDEX frames_of_run ON frames (run, time);
CREATE TABLE positions (next INTEGER NOT NULL) STRICT;
INSERT INTO positions VALUES (1);
"""


class RecordsError(Exception):
    """The records cannot be opened, read or changed; the message says what to do about it."""


class NoRecordsYetError(RecordsError):
    """There is no database in this folder."""


def connect(data_dir: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open the records in this folder, in autocommit; with ``create``, make what is missing."""
    path = data_dir / FILE
    if not create and not path.exists():
        raise NoRecordsYetError(f"there are no records in {data_dir}")
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
    _make_tables(db)
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
        _create(db)
    _check(db, path)
    db.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may lose the last second
    db.execute("PRAGMA journal_size_limit = 8388608")


def _is_empty(db: sqlite3.Connection) -> bool:
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return int(tables) == 0 and _pragma(db, "user_version") == 0


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only possible before the first table
    _write_ahead(db)
    db.execute("BEGIN IMMEDIATE")
    if not _is_empty(db):  # another process was faster
        db.execute("ROLLBACK")
        return
    _make_tables(db)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _make_tables(db: sqlite3.Connection) -> None:
    for statement in TABLES.split(";\n"):
        db.execute(statement)


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
    if version != VERSION:
        age = "a newer" if version > VERSION else "an older"
        raise RecordsError(
            f"{path} was written by {age} flb (format {version}, this one knows {VERSION}):"
            " choose another folder with --data-dir, or move the file away"
        )


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def unusable(path: Path, error: Exception) -> RecordsError:
    """What a user is told when the file cannot be opened, read or written."""
    return RecordsError(
        f"cannot use {path} ({error}): choose a folder that can be written with --data-dir,"
        " or do without records with --no-records"
    )
