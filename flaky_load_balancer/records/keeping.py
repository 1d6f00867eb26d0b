"""How much is kept: ``--keep 7d|10GB``, and the deleting of what is beyond.

Whole sessions that are over go first, oldest first.  Of a session that is going on, only its
oldest events and frames go; its runs stay, and remember from when on they are complete.
"""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flaky_load_balancer.records import liveness

AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
LIMIT = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]+)", re.IGNORECASE)
CHUNK = 10_000  # rows deleted at once: other writers wait for no more than that
ROOM = 0.9  # of the size that is filled again, so that trimming is rare
EVERYTHING = 2**63 - 1  # a position behind all others

FORGET = "UPDATE runs SET kept_from = ?, numbers = NULL, folded = NULL WHERE id = ?"
DELETE_EMPTY = """DELETE FROM sessions WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM runs WHERE session = ?1)"""
DELETE_FRAMES = """DELETE FROM frames WHERE rowid IN
    (SELECT rowid FROM frames WHERE run = ? AND time < ? ORDER BY time LIMIT 500)"""
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
        WHERE run = :run AND sent + latency >= :cutoff ORDER BY position LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT position FROM requests
        WHERE run = :run AND ended >= :cutoff ORDER BY position LIMIT 1))"""


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


def prune(db: sqlite3.Connection, keep: Keep) -> Iterator[None]:
    """Delete what is beyond the limits and give the space back, a short transaction a step."""
    if keep.age is not None:
        yield from _prune_age(db, time.time() - keep.age)
    if keep.size is not None and used(db) > keep.size:
        yield from _prune_size(db, int(keep.size * ROOM))
    db.execute(FORGET_WRITERS, (time.time() - liveness.SILENT,))
    yield from shrink(db)


def used(db: sqlite3.Connection) -> int:
    """Bytes in use: the file's size without what is free in it."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def shrink(db: sqlite3.Connection) -> Iterator[None]:
    """Give free pages back to the file system."""
    while db.execute("PRAGMA freelist_count").fetchone()[0] > 0:
        db.execute("PRAGMA incremental_vacuum(1000)").fetchall()
        yield
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def delete(
    db: sqlite3.Connection, runs: Sequence[int], sessions: Sequence[str] = ()
) -> Iterator[None]:
    """Delete runs, these sessions, and finished sessions that have no run any more."""
    for run in runs:
        (session,) = db.execute("SELECT session FROM runs WHERE id = ?", (run,)).fetchone()
        db.execute(FORGET, (time.time(), run))
        yield from _delete_events(db, run, EVERYTHING)
        yield from _delete_frames(db, run, float("inf"))
        db.execute("DELETE FROM runs WHERE id = ?", (run,))
        db.execute(f"{DELETE_EMPTY} AND ended IS NOT NULL", (session,))
    for session in sessions:
        db.execute(DELETE_EMPTY, (session,))


def _prune_age(db: sqlite3.Connection, cutoff: float) -> Iterator[None]:
    for session, ended in _over(db):
        if ended < cutoff:
            yield from _delete_session(db, session)
    yield from _trim(db, cutoff)


def _prune_size(db: sqlite3.Connection, size: int) -> Iterator[None]:
    for session, _ in _over(db):
        if used(db) <= size:
            return
        yield from _delete_session(db, session)
    while (now_used := used(db)) > size:
        oldest, now = _oldest(db), time.time()
        if oldest is None or now - oldest < 1.0:
            return  # what is left is too new to delete
        yield from _trim(db, oldest + (now - oldest) * max(0.1, 1 - size / now_used))


def _over(db: sqlite3.Connection) -> list[tuple[str, float]]:
    """Sessions that do not go on and are not pinned, and when they ended; oldest first."""
    rows = _rows(db, "sessions", "WHERE pinned = 0 ORDER BY started, sessions.id")
    return [(row["id"], _ended(db, row)) for row in rows if liveness.state(row) != "running"]


def _ended(db: sqlite3.Connection, session: sqlite3.Row) -> float:
    if session["ended"] is not None:
        return float(session["ended"])
    runs = db.execute("SELECT id FROM runs WHERE session = ?", (session["id"],)).fetchall()
    return max((liveness.last_event(db, run) for (run,) in runs), default=session["started"])


def _going_on(db: sqlite3.Connection) -> list[int]:
    """The runs of sessions that go on."""
    sessions = [r["id"] for r in _rows(db, "sessions") if liveness.state(r) == "running"]
    rows = db.execute("SELECT id, session FROM runs ORDER BY id").fetchall()
    return [run for run, session in rows if session in sessions]


def _rows(db: sqlite3.Connection, table: str, order: str = "") -> list[sqlite3.Row]:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    joined = f"{table} LEFT JOIN writers ON writers.id = {table}.writer"
    return cursor.execute(f"SELECT {table}.*, host, pid, seen FROM {joined} {order}").fetchall()


def _delete_session(db: sqlite3.Connection, session: str) -> Iterator[None]:
    runs = db.execute("SELECT id FROM runs WHERE session = ?", (session,)).fetchall()
    yield from delete(db, [run for (run,) in runs], [session])


def _oldest(db: sqlite3.Connection) -> float | None:
    """The time of the oldest event or frame of what goes on."""
    firsts = [
        db.execute(statement, (run,)).fetchone() for run in _going_on(db) for statement in FIRST
    ]
    return min((first[0] for first in firsts if first is not None), default=None)


def _trim(db: sqlite3.Connection, cutoff: float) -> Iterator[None]:
    """Delete what is older than a time from the runs that go on."""
    for run in _going_on(db):
        ended = {"run": run, "cutoff": cutoff}
        (before,) = db.execute(CUT, ended).fetchone()
        oldest = [first for sql in FIRST if (first := db.execute(sql, (run,)).fetchone())]
        if min((time for (time,) in oldest), default=cutoff) >= cutoff:
            continue
        db.execute(FORGET, (cutoff, run))
        yield from _delete_events(db, run, before or EVERYTHING)
        yield from _delete_frames(db, run, cutoff)
        db.execute(FORGET, (cutoff, run))  # readers may have folded in between


def _delete_events(db: sqlite3.Connection, run: int, before: int) -> Iterator[None]:
    """Delete a run's events in front of a position."""
    for table in ("attempts", "requests"):
        of_run = f"FROM {table} WHERE run = ? AND position <"
        while True:
            nth = f"SELECT position {of_run} ? ORDER BY position LIMIT 1 OFFSET {CHUNK}"
            found = db.execute(nth, (run, before)).fetchone()
            db.execute(f"DELETE {of_run} ?", (run, found[0] if found else before))
            yield
            if found is None:
                break


def _delete_frames(db: sqlite3.Connection, run: int, before: float) -> Iterator[None]:
    while db.execute(DELETE_FRAMES, (run, before)).rowcount > 0:
        yield
