"""Putting many events into the database at once, mostly without Python's global lock.

The whole batch is one JSON text that SQLite takes apart itself.  Binding row after row instead
blocks a busy event loop five to ten times longer (docs/decisions/0002-records-in-sqlite.md).
"""

import sqlite3
from collections.abc import Sequence

import orjson

from flaky_load_balancer.core.events import KINDS, Event, packed
from flaky_load_balancer.records.tables import EVENTS

# What can never be written, however often it is tried: NaN as a time, a text as a number, ...
REFUSED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, TypeError)


def _statement(made: type[Event]) -> str:
    """Insert those of [[run, [kind, field, ...]], ...] that are of this kind."""
    names = made._fields
    values = ", ".join(
        f"json_extract(value, '$[1][{place}]')" for place in range(1, len(names) + 1)
    )
    return f"""INSERT INTO {EVENTS[made]} (run, position, {", ".join(names)})
        SELECT json_extract(value, '$[0]'), (SELECT next FROM positions) + key, {values}
        FROM json_each(?) WHERE json_extract(value, '$[1][0]') = '{KINDS[made]}'"""


INSERT = {made: _statement(made) for made in EVENTS}


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
    encoded = orjson.dumps(batch, default=packed, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    for made in {type(event) for _, event in batch}:
        db.execute(INSERT[made], (encoded,))
    db.execute("UPDATE positions SET next = next + ?", (len(batch),))


def _fits(db: sqlite3.Connection, entry: tuple[int, Event]) -> bool:
    """Insert one event, if that is possible."""
    try:
        _insert(db, [entry])
    except REFUSED:
        return False
    return True
