"""Numbers of recorded runs: the one fold (tally.py) over their events, and what it is given."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson

from flaky_load_balancer.events import Attempt, Delivery, Ending, Event
from flaky_load_balancer.tally import Tally, interpolated
from flaky_load_balancer.types import Rules

PAGE = 5_000  # events read at once: neither memory nor a reader's hold on the log grows with a run

EVENTS = """
SELECT position, request, number, server, outcome, sent, latency, NULL
    FROM attempts WHERE run = :run AND position > :after AND position <= :upto
UNION ALL
SELECT position, request, id, arrived, ended, ending, attempts, possibly_twice
    FROM requests WHERE run = :run AND position > :after AND position <= :upto
ORDER BY position LIMIT :limit
"""
LAST = """
SELECT max(coalesce((SELECT max(position) FROM attempts WHERE run = :run), 0),
           coalesce((SELECT max(position) FROM requests WHERE run = :run), 0))
"""


def last_position(db: sqlite3.Connection, run: int) -> int:
    return int(db.execute(LAST, {"run": run}).fetchone()[0])


def events(db: sqlite3.Connection, run: int, after: int, upto: int) -> Iterator[Event]:
    """The events of a run in their order, those at the positions ``after`` < p <= ``upto``."""
    while True:
        values = {"run": run, "after": after, "upto": upto, "limit": PAGE}
        rows = db.execute(EVENTS, values).fetchall()
        for row in rows:
            yield _event(row)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def _event(row: tuple[Any, ...]) -> Event:
    if row[7] is None:
        return Attempt(*row[1:7])
    _, request, name, arrived, ended, ending, attempts, twice = row
    return Delivery(request, name, arrived, ended, Ending(ending), attempts, bool(twice))


def fresh_tally(rules: str, bound: str | None) -> Tally:
    """A tally for a run with these columns, before its first event."""
    grid = None if bound is None else interpolated(orjson.loads(bound))
    return Tally(Rules(**orjson.loads(rules)), grid)
