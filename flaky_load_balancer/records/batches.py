"""Putting many events into the database at once, mostly without Python's global lock.

The whole batch is one JSON text that SQLite takes apart itself.  Binding row after row instead
blocks a busy event loop five to ten times longer (docs/decisions/0002-records-in-sqlite.md).
"""

import sqlite3
from collections.abc import Sequence

import orjson

from flaky_load_balancer.core.events import Event

# What can never be written, however often it is tried: NaN as a time, a text as a number, ...
REFUSED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, TypeError)


def _statement(table: str, fields: int) -> str:
    """Insert those of [[run, [field, ...]], ...] that have so many fields: one kind of event."""
    values = ", ".join(f"json_extract(value, '$[1][{index}]')" for index in range(fields))
    return f"""INSERT INTO {table}
        SELECT json_extract(value, '$[0]'), (SELECT next FROM positions) + key, {values}
        FROM json_each(?) WHERE json_array_length(value, '$[1]') = {fields}"""


INSERT = [_statement("attempts", 6), _statement("requests", 7)]


def write(db: sqlite3.Connection, batch: Sequence[tuple[int, Event]]) -> int:
    """Write all of it as one transaction; how many events could not be written, ever."""
    db.execute("BEGIN IMMEDIATE")
    try:
        _insert(db, batch)
        refused = 0
    except REFUSED:
        db.execute("ROLLBACK")
        db.execute("BEGIN IMMEDIATE")
        refused = sum(not _fits(db, entry) for entry in batch)
    db.execute("COMMIT")
    return refused


def _insert(db: sqlite3.Connection, batch: Sequence[tuple[int, Event]]) -> None:
    encoded = orjson.dumps(batch, default=tuple, option=orjson.OPT_SERIALIZE_NUMPY)
    for statement in INSERT:
        db.execute(statement, (encoded.decode(),))
    db.execute("UPDATE positions SET next = next + ?", (len(batch),))


def _fits(db: sqlite3.Connection, entry: tuple[int, Event]) -> bool:
    """Insert one event, if that is possible."""
    try:
        _insert(db, [entry])
    except REFUSED:
        return False
    return True
