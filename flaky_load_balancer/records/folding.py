"""Numbers of recorded runs: the one fold (tally.py) over their events, and what it is given."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from heapq import merge
from operator import itemgetter
from typing import Any

import orjson

from flaky_load_balancer.core.events import Attempt, Delivery, Ending, Event
from flaky_load_balancer.core.tally import Tally, interpolated
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.records.database import Database, Row
from flaky_load_balancer.records.tables import EVENTS

PAGE = 2_000  # events read at once: neither memory nor a reader's hold on the log grows with a run

SELECT = {
    made: f"""SELECT position, {", ".join(made._fields)} FROM {table}
        WHERE run = :run AND position > :after AND position <= :upto
        ORDER BY position LIMIT :limit"""
    for made, table in EVENTS.items()
}
LAST = "SELECT max(last) FROM ({}) AS lasts".format(
    " UNION ALL ".join(
        f"SELECT max(position) AS last FROM {table} WHERE run = :run" for table in EVENTS.values()
    )
)
# Readers may hold numbers of events that are deleted by now: those are not kept.
KEEP = """UPDATE runs SET numbers = ?, folded = ? WHERE id = ?
    AND coalesce(kept_from, -1.0) = coalesce(CAST(? AS DOUBLE PRECISION), -1.0)"""


def last_position(db: Database, run: int) -> int:
    return int(db.value(LAST, {"run": run}) or 0)


def events(db: Database, run: int, after: int, upto: int) -> Iterator[Event]:
    """The events of a run in their order, those at the positions ``after`` < p <= ``upto``."""
    kinds = [_of_kind(db, made, run, after, upto) for made in EVENTS]
    for _, event in merge(*kinds, key=itemgetter(0)):
        yield event


def _of_kind(
    db: Database, made: type[Event], run: int, after: int, upto: int
) -> Iterator[tuple[int, Event]]:
    """Positions and events of one kind, read some at a time."""
    rows: Sequence[Any] = range(PAGE)
    while len(rows) == PAGE:
        rows = db.tuples(SELECT[made], {"run": run, "after": after, "upto": upto, "limit": PAGE})
        for position, *fields in rows:
            yield position, _event(made, fields)
            after = position


def _event(made: type[Event], fields: Sequence[Any]) -> Event:
    event = made(*fields)
    if isinstance(event, Attempt):
        return event._replace(hedge=bool(event.hedge), estimated=bool(event.estimated))
    if isinstance(event, Delivery):
        features = None if event.features is None else tuple(orjson.loads(str(event.features)))
        twice, ending = bool(event.possibly_twice), Ending(event.ending)
        return event._replace(possibly_twice=twice, ending=ending, features=features)
    return event


class Folds:
    """The numbers of runs, none folded twice: kept with the run, or continued while it goes on."""

    def __init__(self) -> None:
        self._tallies: dict[int, tuple[Tally, int, float | None]] = {}  # and what they hold
        self._lock = threading.Lock()

    def numbers(self, db: Database, run: Row, *, keep: bool) -> dict[str, Any]:
        """The fields of a run; with ``keep`` they are written to its row, as it will not go on."""
        last = last_position(db, run["id"])
        if run["folded"] == last:
            return dict(orjson.loads(run["numbers"]))
        with self._lock:
            numbers = self._fold(db, run, last).run()
            if keep:
                del self._tallies[run["id"]]
                text = orjson.dumps(numbers).decode()
                with suppress(*db.errors):  # full or read-only disks do without
                    db.execute(KEEP, (text, last, run["id"], run["kept_from"]))
        return numbers

    def _fold(self, db: Database, run: Row, last: int) -> Tally:
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
