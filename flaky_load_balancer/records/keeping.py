"""How much is kept: ``--keep 7d|10GB``, and the deleting of what is beyond.

Whole sessions that are over go first, oldest first.  Of a session that is going on, only its
oldest events and frames go; its runs stay, and remember from when on they are complete.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flaky_load_balancer.records import liveness
from flaky_load_balancer.records.database import Database, Row
from flaky_load_balancer.records.tables import EVENTS

AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
LIMIT = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]+)", re.IGNORECASE)
CHUNK = 10_000  # rows deleted at once: other writers wait for no more than that
FRAMES = 500  # as many frames
ROOM = 0.9  # of the size that is filled again, so that trimming is rare
EVERYTHING = 2**63 - 1  # a position behind all others

FORGET = "UPDATE runs SET kept_from = ?, numbers = NULL, folded = NULL WHERE id = ?"
DELETE_EMPTY = """DELETE FROM sessions WHERE id = :session
    AND NOT EXISTS (SELECT 1 FROM runs WHERE session = :session)"""
FORGET_WRITERS = """DELETE FROM writers WHERE seen < ?
    AND id NOT IN (SELECT writer FROM runs UNION SELECT writer FROM sessions)"""
FIRST = (
    "SELECT sent + latency FROM attempts WHERE run = ? ORDER BY position LIMIT 1",
    "SELECT ended FROM requests WHERE run = ? ORDER BY position LIMIT 1",
    "SELECT time FROM frames WHERE run = ? ORDER BY time LIMIT 1",
)
# The first position that is young enough.  Positions are in the order of these times, so that
# only what is then deleted is looked at.
CUT = """SELECT min(position) FROM (
    SELECT * FROM (SELECT position FROM attempts
        WHERE run = :run AND sent + latency >= :cutoff ORDER BY position LIMIT 1) AS attempt
    UNION ALL
    SELECT * FROM (SELECT position FROM requests
        WHERE run = :run AND ended >= :cutoff ORDER BY position LIMIT 1) AS request
    ) AS firsts"""


@dataclass(frozen=True, slots=True)
class Keep:
    """Limits of the records: an age in seconds, a size in bytes; None does not limit."""

    age: float | None = None
    size: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Keep":
        """Read ``7d|10GB``, or either part alone; ValueError names the flag."""
        ages, sizes = [], []
        for part in text.split("|"):
            amount, unit = _amount(part, text)
            if unit.lower() in AGES:
                ages.append(amount * AGES[unit.lower()])
            elif unit.upper() in SIZES:
                sizes.append(int(amount * SIZES[unit.upper()]))
            else:
                raise _misread(text)
        if max(len(ages), len(sizes)) > 1:
            raise _misread(text)
        return cls(next(iter(ages), None), next(iter(sizes), None))


def _amount(part: str, text: str) -> tuple[float, str]:
    found = LIMIT.fullmatch(part.strip())
    if found is None or float(found[1]) <= 0:
        raise _misread(text)
    return float(found[1]), found[2]


def _misread(text: str) -> ValueError:
    return ValueError(f"--keep {text!r}: expected an age, a size or both, like 7d, 10GB or 7d|10GB")


def prune(db: Database, keep: Keep) -> Iterator[None]:
    """Delete what is beyond the limits and give the space back, a short transaction a step."""
    if keep.age is not None:
        yield from _prune_age(db, time.time() - keep.age)
    if keep.size is not None and db.used() > keep.size:
        yield from _prune_size(db, int(keep.size * ROOM))
    db.execute(FORGET_WRITERS, [time.time() - liveness.SILENT])
    yield from db.shrink()


def delete(db: Database, runs: Sequence[int], sessions: Sequence[str] = ()) -> Iterator[None]:
    """Delete runs, these sessions, and finished sessions that have no run any more."""
    for run in runs:
        session = db.value("SELECT session FROM runs WHERE id = ?", [run])
        db.execute(FORGET, [time.time(), run])
        yield from _delete_events(db, run, EVERYTHING)
        yield from _delete_frames(db, run, float("inf"))
        db.execute("DELETE FROM runs WHERE id = ?", [run])
        db.execute(f"{DELETE_EMPTY} AND ended IS NOT NULL", {"session": session})
    for session in sessions:
        db.execute(DELETE_EMPTY, {"session": session})


def _prune_age(db: Database, cutoff: float) -> Iterator[None]:
    for session, ended in _over(db):
        if ended < cutoff:
            yield from _delete_session(db, session)
    yield from _trim(db, cutoff)


def _prune_size(db: Database, size: int) -> Iterator[None]:
    for session, _ in _over(db):
        if db.used() <= size:
            return
        yield from _delete_session(db, session)
    while (used := db.used()) > size:
        oldest, now = _oldest(db), time.time()
        if oldest is None or now - oldest < 1.0:
            return  # what is left is too new to delete
        yield from _trim(db, oldest + (now - oldest) * max(0.1, 1 - size / used))


def _over(db: Database) -> list[tuple[str, float]]:
    """Sessions that do not go on and are not pinned, and when they ended; oldest first."""
    rows = _sessions(db, "WHERE pinned = 0 ORDER BY started, sessions.id")
    return [(row["id"], _ended(db, row)) for row in rows if liveness.state(row) != "running"]


def _ended(db: Database, session: Row) -> float:
    if session["ended"] is not None:
        return float(session["ended"])
    runs = db.tuples("SELECT id FROM runs WHERE session = ?", [session["id"]])
    return max((liveness.last_event(db, run) for (run,) in runs), default=session["started"])


def _going_on(db: Database) -> list[int]:
    """The runs of sessions that go on."""
    sessions = [row["id"] for row in _sessions(db) if liveness.state(row) == "running"]
    runs = db.tuples("SELECT id, session FROM runs ORDER BY id")
    return [run for run, session in runs if session in sessions]


def _sessions(db: Database, which: str = "") -> list[Row]:
    """Sessions with what is known of their writers."""
    joined = "sessions LEFT JOIN writers ON writers.id = sessions.writer"
    return db.rows(f"SELECT sessions.*, host, pid, seen FROM {joined} {which}")


def _delete_session(db: Database, session: str) -> Iterator[None]:
    runs = db.tuples("SELECT id FROM runs WHERE session = ?", [session])
    yield from delete(db, [run for (run,) in runs], [session])


def _oldest(db: Database) -> float | None:
    """The time of the oldest event or frame of what goes on."""
    firsts = (db.value(first, [run]) for run in _going_on(db) for first in FIRST)
    return min((time for time in firsts if time is not None), default=None)


def _trim(db: Database, cutoff: float) -> Iterator[None]:
    """Delete what is older than a time from the runs that go on."""
    for run in _going_on(db):
        before = db.value(CUT, {"run": run, "cutoff": cutoff})
        firsts = (db.value(first, [run]) for first in FIRST)
        if min((time for time in firsts if time is not None), default=cutoff) >= cutoff:
            continue
        db.execute(FORGET, [cutoff, run])
        yield from _delete_events(db, run, before or EVERYTHING)
        yield from _delete_frames(db, run, cutoff)
        db.execute(FORGET, [cutoff, run])  # readers may have folded in between


def _delete_events(db: Database, run: int, before: int) -> Iterator[None]:
    """Delete a run's events in front of a position."""
    for table in EVENTS.values():
        rows = f"FROM {table} WHERE run = ? AND position <"
        yield from _delete_rows(db, "position", rows, (run, before), CHUNK)


def _delete_frames(db: Database, run: int, before: float) -> Iterator[None]:
    rows = "FROM frames WHERE run = ? AND time <"
    yield from _delete_rows(db, "time", rows, (run, before), FRAMES)


def _delete_rows(
    db: Database, order: str, rows: str, values: tuple[int, float], chunk: int
) -> Iterator[None]:
    """Delete a run's rows in front of a place in their order, some at a time."""
    run, before = values
    nth = f"SELECT {order} {rows} ? ORDER BY {order} LIMIT 1 OFFSET {chunk}"
    while (found := db.value(nth, [run, before])) is not None:
        if db.execute(f"DELETE {rows} ?", [run, found]) == 0:
            break  # more than a chunk of one time
        yield
    db.execute(f"DELETE {rows} ?", [run, before])
    yield
