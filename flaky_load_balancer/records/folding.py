"""Numbers of recorded runs: the one fold (tally.py) over their events, and what it is given."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson

from flaky_load_balancer.core.events import KINDS, Attempt, Delivery, Event, unpacked
from flaky_load_balancer.core.tally import Tally, interpolated
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.records.tables import EVENTS

PAGE = 5_000  # events read at once: neither memory nor a reader's hold on the log grows with a run

WIDEST = max(len(made._fields) for made in EVENTS)


def _select(made: type[Event]) -> str:
    """Events of one kind: position, kind, their fields, and as many NULLs as others have more."""
    columns = ", ".join([*made._fields, *["NULL"] * (WIDEST - len(made._fields))])
    return f"""SELECT position, '{KINDS[made]}', {columns}
        FROM {EVENTS[made]} WHERE run = :run AND position > :after AND position <= :upto"""


SELECT = " UNION ALL ".join(map(_select, EVENTS)) + " ORDER BY position LIMIT :limit"
LAST = "SELECT max(last) FROM ({})".format(
    " UNION ALL ".join(
        f"SELECT max(position) AS last FROM {table} WHERE run = :run" for table in EVENTS.values()
    )
)
# Readers may hold numbers of events that are deleted by now: those are not kept.
KEEP = "UPDATE runs SET numbers = ?, folded = ? WHERE id = ? AND kept_from IS ?"


def last_position(db: sqlite3.Connection, run: int) -> int:
    return int(db.execute(LAST, {"run": run}).fetchone()[0] or 0)


def events(db: sqlite3.Connection, run: int, after: int, upto: int) -> Iterator[Event]:
    """The events of a run in their order, those at the positions ``after`` < p <= ``upto``."""
    cursor = db.cursor()
    cursor.row_factory = None  # plain tuples
    while True:
        values = {"run": run, "after": after, "upto": upto, "limit": PAGE}
        rows = cursor.execute(SELECT, values).fetchall()
        yield from map(_event, rows)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def _event(row: tuple[Any, ...]) -> Event:
    event = unpacked(row[1:])
    if isinstance(event, Attempt):
        return event._replace(hedge=bool(event.hedge))
    if isinstance(event, Delivery):
        features = None if event.features is None else tuple(orjson.loads(str(event.features)))
        return event._replace(possibly_twice=bool(event.possibly_twice), features=features)
    return event


class Folds:
    """The numbers of runs, none folded twice: kept with the run, or continued while it goes on."""

    def __init__(self) -> None:
        self._tallies: dict[int, tuple[Tally, int, float | None]] = {}  # and what they hold
        self._lock = threading.Lock()

    def numbers(self, db: sqlite3.Connection, run: sqlite3.Row, *, keep: bool) -> dict[str, Any]:
        """The fields of a run; with ``keep`` they are written to its row, as it will not go on."""
        last = last_position(db, run["id"])
        if run["folded"] == last:
            return dict(orjson.loads(run["numbers"]))
        with self._lock:
            numbers = self._fold(db, run, last).run()
            if keep:
                del self._tallies[run["id"]]
                text = orjson.dumps(numbers).decode()
                with suppress(sqlite3.Error):  # full or read-only disks do without
                    db.execute(KEEP, (text, last, run["id"], run["kept_from"]))
        return numbers

    def _fold(self, db: sqlite3.Connection, run: sqlite3.Row, last: int) -> Tally:
        """Continue where the last call stopped, unless events were deleted since."""
        tally, at, kept_from = self._tallies.get(run["id"], (None, 0, None))
        if tally is None or kept_from != run["kept_from"]:
            tally, at = _empty_tally(run["rules"], run["bound"]), 0
        for event in events(db, run["id"], at, last):
            tally.add(event)
        self._tallies[run["id"]] = tally, max(at, last), run["kept_from"]
        return tally


def _empty_tally(rules: str, bound: str | None) -> Tally:
    grid = None if bound is None else interpolated(orjson.loads(bound))
    return Tally(Rules(**orjson.loads(rules)), grid)
