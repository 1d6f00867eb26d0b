"""Recording, without slowing down the event loop.

The event loop only appends to a list.  A thread takes what is there a few times a second, encodes
it as one JSON text and lets SQLite take that apart, in C and without Python's global lock: a
thread that binds row after row would fight the event loop for it (see
docs/decisions/0002-records-in-sqlite.md).  A batch is one transaction and the list is only
shortened after its commit, so a kill leaves a prefix of what happened, and a full disk leaves it
waiting in the list.
"""

import logging
import os
import platform
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from flaky_load_balancer.events import Event
from flaky_load_balancer.records import keeping
from flaky_load_balancer.records.keeping import Keep
from flaky_load_balancer.records.schema import RecordsError, connect
from flaky_load_balancer.types import Rules

PERIOD = 0.25  # seconds between two batches
BATCH = 2000  # events: encoding them holds the global lock for less than a millisecond
BACKLOG = 100_000  # events kept in memory while the disk is full; some 30 MB
NOTES = 1_000  # frames and the like kept meanwhile
RETRY = 1.0  # seconds until the next try after an error
HEARTBEAT = 5.0  # seconds
PATIENCE = 0.5  # seconds the thread waits for another process' transaction before trying later
PRUNE = 60.0  # seconds between two looks at age and size
FLUSH = 5.0  # seconds that close() tries to write what is left
DENSE = 600.0  # seconds of a run of which every frame is kept; afterwards
SPARSE = 5.0  # seconds between two kept frames

log = logging.getLogger(__name__)


def _columns(count: int) -> str:
    fields = ", ".join(f"json_extract(value, '$[1][{index}]')" for index in range(count))
    return f"json_extract(value, '$[0]'), (SELECT next FROM positions) + key, {fields}"


# One JSON array [[run, [field, ...]], ...] holds both kinds of events in their order; deliveries
# have one field more.
INSERT_ATTEMPTS = f"""INSERT INTO attempts SELECT {_columns(6)} FROM json_each(?)
    WHERE json_array_length(value, '$[1]') = 6"""
INSERT_REQUESTS = f"""INSERT INTO requests SELECT {_columns(7)} FROM json_each(?)
    WHERE json_array_length(value, '$[1]') = 7"""


class _Note(NamedTuple):
    """Something rare to write, after every event that was recorded before it."""

    statement: str
    values: tuple[Any, ...]


class Recorder:
    """Writes sessions, runs, events and frames of one process into the records of a folder.

    Starting a session or a run writes at once and raises ``RecordsError`` when that is impossible.
    Everything else returns at once and never raises: what cannot be written waits in a bounded
    backlog, and what does not fit there is counted in ``lost``.  ``warn`` is called in the
    writing thread, once when writing begins to fail and once when it works again.
    """

    def __init__(
        self,
        data_dir: Path | str,
        keep: Keep | str | None = None,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self.data_dir = Path(data_dir)
        self._keep = Keep.parse(keep) if isinstance(keep, str) else keep
        self.lost = 0  # events that were not recorded
        self._warn = warn
        self._failing = False
        self._events: list[tuple[int, Event]] = []
        self._notes: list[_Note] = []
        self._frames: dict[int, tuple[float, float]] = {}  # run: first time, last kept time
        self._db = connect(self.data_dir, create=True)
        try:
            self._writer = self._introduce()
        except BaseException:
            self._db.close()
            raise
        self._db.execute(f"PRAGMA busy_timeout = {int(1000 * PATIENCE)}")
        self._beaten = time.monotonic()
        self._pruned = -PRUNE
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="records", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_session(
        self,
        kind: Literal["harness", "serve", "compare"],
        seed: int | None = None,
        rate: float | None = None,
        settings: dict[str, Any] | None = None,
    ) -> str:
        """Begin a session; ``kind`` is ``harness``, ``serve`` or ``compare``."""
        now = time.time()
        session = session_id(now)
        values = session, kind, self._writer, now, seed, rate, _json(settings or {})
        self._insert(
            "INSERT INTO sessions (id, kind, writer, started, seed, rate, settings)", values
        )
        return session

    def start_run(
        self,
        session: str,
        *,
        route: str,
        path: str,
        strategy: str,
        scenario: str | None,
        servers: Sequence[str],
        rules: Rules,
        truth: Sequence[float] | None = None,
        bound: Sequence[tuple[int, float]] | None = None,
        seed: int | None = None,
        rate: float | None = None,
    ) -> int:
        """Begin a run; ``truth`` and ``bound`` (a grid of requests, score) where they are known."""
        names = (
            "session, writer, route, path, strategy, scenario, servers, rules, truth, bound,"
            " seed, rate, started"
        )
        values = (
            *(session, self._writer, route, path, strategy, scenario),
            *(_json(list(servers)), _json(rules)),
            *(None if known is None else _json(list(known)) for known in (truth, bound)),
            *(seed, rate, time.time()),
        )
        return self._insert(f"INSERT INTO runs ({names})", values)

    def record(self, run: int, event: Event) -> None:
        """Record an event; costs a fraction of a microsecond."""
        if len(self._events) < BACKLOG:
            self._events.append((run, event))
        else:
            self.lost += 1

    def frame(self, run: int, now: float, frame: str | bytes) -> None:
        """Record what the live page showed, as JSON; later in a run only one in a while."""
        first, last = self._frames.get(run, (now, -SPARSE))
        if now - first > DENSE and now - last < SPARSE:
            return
        self._frames[run] = first, now
        text = frame if isinstance(frame, str) else frame.decode()
        self._note("INSERT INTO frames VALUES (?, ?, ?)", run, now, text)

    def annotate(self, run: int, client: dict[str, Any]) -> None:
        """Add what the client measured: ``offered_rate``, ``latency_ms``, ``seconds``."""
        self._note("UPDATE runs SET client = ? WHERE id = ?", _json(client), run)

    def finish_run(self, run: int) -> None:
        self._note("UPDATE runs SET ended = ? WHERE id = ?", time.time(), run)

    def finish_session(self, session: str, result: dict[str, Any] | None = None) -> None:
        """End a session; ``result`` is what ``--json`` prints, where that is not folded."""
        text = None if result is None else _json(result)
        statement = "UPDATE sessions SET ended = ?, result = coalesce(?, result) WHERE id = ?"
        self._note(statement, time.time(), text, session)

    def close(self) -> None:
        """Write what is left, for some seconds at most, and stop."""
        if not self._closing.is_set():
            self._closing.set()
            self._thread.join()
            self.lost += len(self._events)
            self._events.clear()
            self._db.close()

    # The rest of the public methods' work.

    def _note(self, statement: str, *values: Any) -> None:
        if len(self._notes) < NOTES:
            self._notes.append(_Note(statement, values))

    def _insert(self, statement: str, values: tuple[Any, ...]) -> int:
        """Insert now, on a connection of its own: the thread may be in a transaction."""
        marks = ", ".join("?" * len(values))
        db = connect(self.data_dir)
        try:
            return int(db.execute(f"{statement} VALUES ({marks})", values).lastrowid or 0)
        except sqlite3.Error as error:
            raise RecordsError(
                f"cannot write to the records in {self.data_dir} ({error}):"
                " choose another folder with --data-dir, or --no-records"
            ) from error
        finally:
            db.close()

    def _introduce(self) -> int:
        return self._insert(
            "INSERT INTO writers (host, pid, seen)", (platform.node(), os.getpid(), time.time())
        )

    # The writing thread.

    def _work(self) -> None:
        while not self._closing.wait(RETRY if self._failing else PERIOD):
            self._try()
        until = time.monotonic() + FLUSH
        while not self._try() and time.monotonic() < until:
            time.sleep(0.1)

    def _try(self) -> bool:
        """Write everything there is; say so when that fails for the first time."""
        try:
            self._drain()
            self._beat()
            self._prune()
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return False
        if self._failing:
            self._failing = False
            self._warn(f"records are written again; {self.lost} events were lost")
        return True

    def _prune(self) -> None:
        """Keep age and size within their limits; what is recorded meanwhile goes first."""
        if self._keep is None or time.monotonic() - self._pruned < PRUNE:
            return
        self._pruned = time.monotonic()
        for _ in keeping.prune(self._db, self._keep):
            if self._closing.is_set():
                return
            self._drain()

    def _failed(self, error: Exception) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if not self._failing:
            self._failing = True
            self._warn(
                f"cannot write records to {self.data_dir} ({error}): keeping the last"
                f" {BACKLOG} events in memory and trying again"
            )

    def _drain(self) -> None:
        notes = len(self._notes)  # counted first: what was recorded before a note goes before it
        waiting = len(self._events)
        while waiting > 0:
            batch = self._events[: min(waiting, BATCH)]
            self._write(batch)
            del self._events[: len(batch)]
            waiting -= len(batch)
        for _ in range(notes):
            note = self._notes[0]
            self._db.execute(note.statement, note.values)
            del self._notes[0]

    def _write(self, batch: list[tuple[int, Event]]) -> None:
        text = orjson.dumps(batch, default=tuple).decode()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(INSERT_ATTEMPTS, (text,))
        self._db.execute(INSERT_REQUESTS, (text,))
        self._db.execute("UPDATE positions SET next = next + ?", (len(batch),))
        self._db.execute("COMMIT")

    def _beat(self) -> None:
        if time.monotonic() - self._beaten > HEARTBEAT:
            self._db.execute(
                "UPDATE writers SET seen = ? WHERE id = ?", (time.time(), self._writer)
            )
            self._beaten = time.monotonic()


class NoRecorder(Recorder):
    """For ``--no-records``: hands out ids and forgets everything."""

    def __init__(self) -> None:
        self.lost = 0
        self._runs = count(1)

    def start_session(self, *_: Any, **__: Any) -> str:
        return session_id(time.time())

    def start_run(self, *_: Any, **__: Any) -> int:
        return next(self._runs)

    def record(self, run: int, event: Event) -> None: ...
    def frame(self, run: int, now: float, frame: str | bytes) -> None: ...
    def annotate(self, run: int, client: dict[str, Any]) -> None: ...
    def finish_run(self, run: int) -> None: ...
    def finish_session(self, session: str, result: dict[str, Any] | None = None) -> None: ...
    def close(self) -> None: ...


def session_id(now: float) -> str:
    """Sorts by time and is unique: ``20261122-103000-ab3f``, in UTC."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + secrets.token_hex(2)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
