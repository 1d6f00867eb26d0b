"""Reading the records: sessions, runs, attempts, frames, and the numbers folded from them.

Every call opens the database anew (a fraction of a millisecond), so a ``Records`` may be used from
any thread, needs no closing, and sees a database that appears later.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from flaky_load_balancer.core import timeline
from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.records import folding, keeping, liveness
from flaky_load_balancer.records.database import (
    Database,
    NoRecordsYetError,
    RecordsError,
    Row,
    StillRunningError,
)
from flaky_load_balancer.records.keeping import Keep
from flaky_load_balancer.records.places import place
from flaky_load_balancer.records.sqlite import empty

CHANGEABLE = "name", "note", "tags", "pinned"
LARGEST = 2**63 - 1  # integer of SQLite

RUNS = "SELECT runs.*, host, pid, seen FROM runs LEFT JOIN writers ON writers.id = runs.writer"
SESSIONS = (
    "SELECT sessions.*, host, pid, seen,"
    " (SELECT count(*) FROM runs WHERE runs.session = sessions.id) AS runs"
    " FROM sessions LEFT JOIN writers ON writers.id = sessions.writer"
)
ATTEMPTS = """
SELECT position, request, number, server, outcome, sent, latency,
    (SELECT id FROM requests AS r INDEXED BY requests_by_number
        WHERE r.run = a.run AND r.request = a.request LIMIT 1) AS id
FROM attempts AS a WHERE run = ? AND position > ? ORDER BY position LIMIT ?
"""
FIRST = "SELECT sent FROM attempts WHERE run = ? ORDER BY position LIMIT 1"
OVERVIEW = """
WITH numbered AS (
    SELECT frame, time, row_number() OVER mine - 1 AS place, count(*) OVER whole AS many
    FROM frames
    WHERE run = :run OR run IN (SELECT id FROM runs WHERE session = :session)
    WINDOW mine AS (PARTITION BY run ORDER BY time), whole AS (PARTITION BY run)
)
SELECT frame FROM numbered
WHERE many <= :limit OR place = 0
    OR place * (:limit - 1) / nullif(many - 1, 0) > (place - 1) * (:limit - 1) / nullif(many - 1, 0)
ORDER BY time
"""
ANSWERED = """
SELECT runs.route, runs.servers, r.run, r.request, r.server, r.features, r.ended,
    (SELECT value FROM rewards AS w WHERE w.run = r.run AND w.request = r.request
        ORDER BY position DESC LIMIT 1) AS value
FROM requests AS r JOIN runs ON runs.id = r.run
WHERE {} AND r.ended >= :oldest AND r.server IS NOT NULL ORDER BY r.position DESC LIMIT 1
"""
BEATEN = """
SELECT route, other_run, other_request FROM preferences AS p JOIN runs ON runs.id = other_run
WHERE run = :run AND request = :request AND NOT EXISTS (
    SELECT 1 FROM preferences AS later WHERE later.run = p.other_run
        AND later.request = p.other_request AND later.other_run = p.run
        AND later.other_request = p.request AND later.position > p.position)
"""
COSTS = """
SELECT sent + latency AS ended, cost FROM attempts JOIN runs ON runs.id = run
WHERE (route = :route OR route LIKE :parts) AND (ended IS NULL OR ended >= :since)
    AND cost > 0 AND sent + latency >= :since
ORDER BY sent + latency
"""
PLAYED = """
SELECT strategy, coalesce(scenario, path) AS scenario FROM runs WHERE session = ? ORDER BY id
"""


class Records:
    """What was recorded in a folder or a database.  One without records reads as an empty one."""

    def __init__(self, where: Path | str) -> None:
        self._store = place(where)
        self._folds = folding.Folds()

    @property
    def name(self) -> str:
        """The place's, for messages; without a password."""
        return self._store.name

    @property
    def flags(self) -> tuple[list[str], dict[str, str]]:
        """How a command is told where the records are: flags, and its environment."""
        return self._store.flags

    def sessions(self, search: str = "") -> list[Row]:
        """Sessions, newest first; ``runs`` counts theirs.

        Those in whose id, name, note, tags, strategies or scenarios every word of ``search`` is.
        """
        with self._open() as db:
            rows = db.rows(f"{SESSIONS} ORDER BY started DESC, sessions.id DESC")
            found = [{**_session(row), **_played(db, row)} for row in rows]
        words = search.casefold().split()
        return [row for row in found if not words or _matches(row, words)]

    def answered(self, id: str, place: tuple[int, int] | None, oldest: float) -> Row | None:  # noqa: A002
        """Who answered: by the id of an answer, or by that of a request and its ``place``.

        The place is its run and its number there; ``oldest`` in seconds since the epoch.
        ``beaten`` are the answers that it was said to be better than: route, run and request.
        """
        values: dict[str, Any] = {"id": id, "oldest": oldest}
        which = "r.answer = :id"
        if place is not None:
            which = "r.run = :run AND r.request = :request AND r.id = :id"
            values |= {"run": place[0], "request": place[1]}
        with self._open() as db:
            row = db.row(ANSWERED.format(which), values)
            if row is None:
                return None
            beaten = db.tuples(BEATEN, {"run": row["run"], "request": row["request"]})
        read = {key: row[key] and orjson.loads(row[key]) for key in ("servers", "features")}
        return {**row, **read, "beaten": list(map(tuple, beaten))}

    def costs(self, route: str, since: float) -> list[tuple[float, float]]:
        """When attempts of a route ended since then, and what each cost in dollars."""
        with self._open() as db:
            values = {"route": route, "parts": f"{route}~%", "since": since}
            return [(row["ended"], row["cost"]) for row in db.rows(COSTS, values)]

    def change(self, session: str, **changes: Any) -> bool:
        """Set a session's ``name``, ``note``, ``tags`` or ``pinned``; False if there is none.

        A pinned session is never deleted to save space.
        """
        if "tags" in changes:
            changes["tags"] = orjson.dumps(changes["tags"]).decode()
        if "pinned" in changes:
            changes["pinned"] = int(changes["pinned"])
        assignments = ", ".join(f"{name} = :{name}" for name in changes if name in CHANGEABLE)
        with self._open() as db:
            if assignments:
                values = {**changes, "session": session}
                db.execute(f"UPDATE sessions SET {assignments} WHERE id = :session", values)
            return db.value("SELECT 1 FROM sessions WHERE id = ?", [session]) is not None

    def session(self, session: str) -> Row | None:
        """One session with its runs and their numbers: the comparison.  None if there is none."""
        with self._open() as db:
            row = db.row(f"{SESSIONS} WHERE sessions.id = ?", [session])
        if row is None:
            return None
        result = None if row["result"] is None else orjson.loads(row["result"])
        runs = sorted(self.runs(session), key=lambda run: run["run"])
        return {**_session(row), "result": result, "runs": runs}

    def runs(self, session: str | None = None) -> list[Row]:
        """All runs or those of one session, newest first, with their numbers."""
        with self._open() as db:
            where = "" if session is None else "WHERE session = ?"
            values = [] if session is None else [session]
            rows = db.rows(f"{RUNS} {where} ORDER BY runs.id DESC", values)
            return [self._run(db, row) for row in rows]

    def run(self, run: int) -> Row | None:
        """One run in full; None if there is none."""
        if abs(run) > LARGEST:
            return None
        with self._open() as db:
            row = db.row(f"{RUNS} WHERE runs.id = ?", [run])
            if row is None:
                return None
            more = {key: _parsed(row[key]) for key in ("servers", "rules", "truth", "client")}
            first = db.value(FIRST, [run])
            origin = row["started"] if first is None else first
            return {
                **self._run(db, row),
                **more,
                "pieces": timeline.pieces(_parsed(row["pieces"]), origin),
                "faults": timeline.faults(_parsed(row["faults"]) or [], origin),
                "kept_from": row["kept_from"],
            }

    def attempts(self, run: int, after: int = 0, limit: int = 1000) -> list[Row]:
        """Attempts in their order, from behind a cursor on; ``id`` is null until it is answered."""
        with self._open() as db:
            servers = _parsed(db.value("SELECT servers FROM runs WHERE id = ?", [run])) or []
            rows = db.rows(ATTEMPTS, [run, min(after, LARGEST), limit])
        return [_attempt(row, servers) for row in rows]

    def frames(self, run: int, after: float | None = None, limit: int | None = None) -> list[bytes]:
        """JSON of frames, oldest first, from behind a time (seconds since the epoch) on."""
        statement = "SELECT frame FROM frames WHERE run = ? AND time > ? ORDER BY time LIMIT ?"
        values = run, -1.0 if after is None else after, LARGEST if limit is None else limit
        with self._open() as db:
            return [frame.encode() for (frame,) in db.tuples(statement, values)]

    def overview(self, name: str | int, most: int) -> list[bytes]:
        """JSON of frames of a run or of all of a session, oldest first, from beginning to end.

        Of a run with more than so many, they are spread over it evenly.
        """
        values: Row = {"run": None, "session": None, "limit": most}
        values["run" if is_run(name) else "session"] = name
        with self._open() as db:
            return [frame.encode() for (frame,) in db.tuples(OVERVIEW, values)]

    def events(self, run: int) -> Iterator[Event]:
        """The events of a run in the order in which they were recorded, up to this moment."""
        with self._open() as db:
            yield from folding.events(db, run, 0, folding.last_position(db, run))

    def delete(self, names: Iterable[str | int]) -> None:
        """Delete runs and sessions, whole; RecordsError if one is unknown or still running."""
        named = list(names)
        runs = [run for name in named for run in self.resolve(name)]
        sessions = [str(name) for name in named if not is_run(name)]
        self._refuse_running("runs", runs)
        self._refuse_running("sessions", sessions)
        with self._open() as db:
            deque(keeping.delete(db, list(dict.fromkeys(runs)), sessions), maxlen=0)
            deque(db.shrink(), maxlen=0)

    def prune(self, keep: Keep) -> None:
        """Delete the oldest until age and size are what they may be."""
        with self._open() as db:
            deque(keeping.prune(db, keep), maxlen=0)

    def resolve(self, name: str | int) -> list[int]:
        """The runs meant by the id of a run or a session, oldest first; RecordsError if none."""
        with self._open() as db:
            if is_run(name):
                values = [min(int(name), LARGEST)]
                known = found = db.tuples("SELECT id FROM runs WHERE id = ?", values)
            else:
                found = db.tuples("SELECT id FROM runs WHERE session = ? ORDER BY id", [name])
                known = found or db.tuples("SELECT 1 FROM sessions WHERE id = ?", [name])
        if not known:
            raise RecordsError(f"no run or session {name!s:.100}: `flb runs` lists what there is")
        return [run for (run,) in found]

    def _refuse_running(self, table: str, names: Iterable[str | int]) -> None:
        select = f"SELECT * FROM {table} LEFT JOIN writers ON writers.id = writer"
        for name in names:
            with self._open() as db:
                row = db.row(f"{select} WHERE {table}.id = ?", [name])
            if row is not None and liveness.state(row) == "running":
                raise StillRunningError(f"{name} is still going on: stop it before you delete it")

    def _run(self, db: Database, row: Row) -> Row:
        state = liveness.state(row)
        names = ("session", "route", "path", "strategy", "scenario", "seed", "rate", "started")
        ended = liveness.last_event(db, row["id"]) if state == "interrupted" else row["ended"]
        return {
            "run": row["id"],
            **{name: row[name] for name in names},
            **{"ended": ended, "state": state},
            **self._folds.numbers(db, row, keep=state != "running"),
            **(_parsed(row["client"]) or {}),
        }

    @contextmanager
    def _open(self) -> Iterator[Database]:
        try:
            opened: Database = self._store.connect()
        except NoRecordsYetError:
            opened = empty()
        with closing(opened) as db:
            try:
                yield db
            except db.errors as error:
                raise self._store.unusable(error) from error


def is_run(name: str | int) -> bool:
    """Is this the id of a run, not of a session?"""
    return isinstance(name, int) or name.isdecimal()


def _session(row: Row) -> Row:
    names = ("kind", "started", "ended", "seed", "rate", "runs", "name", "note")
    return {
        "session": row["id"],
        **{name: row[name] for name in names},
        "tags": orjson.loads(row["tags"]),
        "pinned": bool(row["pinned"]),
        "valid": None if row["valid"] is None else bool(row["valid"]),
        "why": _parsed(row["why"]) or [],
        "late_ms": _parsed(row["late_ms"]),
        "state": liveness.state(row),
        "settings": orjson.loads(row["settings"]),
    }


def _matches(session: Row, words: list[str]) -> bool:
    texts = (session["session"], session["name"] or "", session["note"] or "")
    lists = (session["tags"], session["strategies"], session["scenarios"])
    text = " ".join([*texts, *(word for words in lists for word in words)]).casefold()
    return all(word in text for word in words)


def _played(db: Database, session: Row) -> Row:
    """Which strategies played on which scenarios."""
    if session["result"] is None:
        cells = db.rows(PLAYED, [session["id"]])
    else:
        cells = orjson.loads(session["result"])["cells"]
    strategies, scenarios = ([c[key] for c in cells] for key in ("strategy", "scenario"))
    return {
        "strategies": list(dict.fromkeys(strategies)),
        "scenarios": list(dict.fromkeys(scenarios)),
    }


def _attempt(row: Row, servers: list[str]) -> Row:
    return {
        "cursor": row["position"],
        "request": row["request"],
        "id": row["id"],
        "number": row["number"],
        "server": servers[row["server"]],
        "outcome": Outcome(row["outcome"]).label,
        "sent": row["sent"],
        "latency_ms": 1000 * row["latency"],
    }


def _parsed(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
