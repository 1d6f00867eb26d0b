"""What the rest of the program records with: one object for a process, cheap to call."""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self

import orjson

from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.records.database import RecordsError
from flaky_load_balancer.records.keeping import Keep
from flaky_load_balancer.records.places import place
from flaky_load_balancer.records.writer import FLUSH, Warn, Writer, log

BACKLOG = 100_000  # events that wait in memory while they cannot be written; some 30 MB
FRAMES = 1_000  # frames that wait
DENSE = 600.0  # seconds of a run of which every frame is kept; afterwards
SPARSE = 5.0  # seconds between two kept frames

Kind = Literal["harness", "serve", "compare"]


class Recorder:
    """Writes sessions, runs, events and frames of one process into a folder or a database.

    Opening, and starting a session or a run, write at once and raise ``RecordsError`` when that
    is impossible.  Everything else returns at once and never raises: what cannot be written waits
    in a bounded backlog, and events that do not fit there are counted in ``lost``.  Trouble is
    told to ``warn``, in another thread.
    """

    def __init__(
        self, where: Path | str, keep: Keep | str | None = None, warn: Warn = log.warning
    ) -> None:
        self.where = where
        self._store = place(where)
        keep = Keep.parse(keep) if isinstance(keep, str) else keep
        if keep is not None and keep.size is not None and not self._store.sizeable:
            raise RecordsError("--keep: records in PostgreSQL are kept to an age only, such as 7d")
        self._writer = Writer(self._store, keep, warn)
        try:
            self._id = self._writer.start()
        except self._writer.errors as error:
            raise self._store.unusable(error) from error
        self._warn = warn
        self._events, self._notes = self._writer.events, self._writer.notes
        self._dropped = 0
        self._frames: dict[int, tuple[float, float]] = {}  # run: first time, last kept time
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def lost(self) -> int:
        """Events that are not, and will not be, in the records."""
        return self._dropped + self._writer.refused

    def start_session(
        self,
        kind: Kind,
        seed: int | None = None,
        rate: float | None = None,
        settings: dict[str, Any] | None = None,
    ) -> str:
        """Begin a session; its id.  ``rate`` in requests per second."""
        now = time.time()
        values = kind, self._id, now, seed, rate, _json(settings or {})
        session = None
        while session is None:  # until the id is one that nobody has
            session = self._insert(
                "sessions (id, kind, writer, started, seed, rate, settings)",
                (session_id(now), *values),
            )
        return str(session)

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
        pieces: Mapping[str, Any] | None = None,
        faults: Sequence[Mapping[str, Any]] = (),
        seed: int | None = None,
        rate: float | None = None,
    ) -> int:
        """Begin a run; its number.

        ``truth`` holds the true chances of success, ``bound`` points (requests, best mean score),
        both None where the fleet is not known; ``pieces`` is the truth over time and ``faults`` are
        the stretches of trouble, both in seconds since the first attempt.
        """
        values = {
            **{"session": session, "writer": self._id, "route": route, "path": path},
            **{"strategy": strategy, "scenario": scenario, "servers": _json(list(servers))},
            **{"rules": _json(rules), "truth": _json_or_none(truth), "bound": _json_or_none(bound)},
            **{"pieces": _json_or_none(pieces), "faults": _json(list(faults))},
            **{"seed": seed, "rate": rate, "started": time.time()},
        }
        return int(self._insert(f"runs ({', '.join(values)})", tuple(values.values())))

    def record(self, run: int, event: Event) -> None:
        """Record an event; costs a fraction of a microsecond."""
        if len(self._events) < BACKLOG:
            self._events.append((run, event))
        else:
            self._dropped += 1

    def frame(self, run: int, now: float, frame: str | bytes) -> None:
        """Record what the live page showed, as JSON; later in a run only one in a while."""
        first, last = self._frames.get(run, (now, now - SPARSE))
        sparse = now - first > DENSE
        if (sparse and now - last < SPARSE) or len(self._notes) >= FRAMES:
            return
        self._frames[run] = first, now
        text = frame if isinstance(frame, str) else frame.decode()
        self._note("INSERT INTO frames (run, time, frame) VALUES (?, ?, ?)", run, now, text)

    def annotate(self, run: int, client: dict[str, Any]) -> None:
        """Add what the client measured: ``offered_rate``, ``latency_ms``, ``seconds``."""
        self._note("UPDATE runs SET client = ? WHERE id = ?", _json(client), run)

    def extend_run(self, run: int, servers: Sequence[str]) -> None:
        """Servers came to a run; those that it had keep their places."""
        self._note("UPDATE runs SET servers = ? WHERE id = ?", _json(list(servers)), run)

    def finish_run(self, run: int) -> None:
        self._frames.pop(run, None)
        self._note("UPDATE runs SET ended = ? WHERE id = ?", time.time(), run)

    def finish_session(self, session: str, result: dict[str, Any] | None = None) -> None:
        """End a session; ``result`` is what ``--json`` prints, where that is not folded."""
        statement = "UPDATE sessions SET ended = ?, result = coalesce(?, result) WHERE id = ?"
        self._note(statement, time.time(), _json_or_none(result), session)

    def validity(
        self, session: str, valid: bool, why: Sequence[str], late_ms: dict[str, float | None]
    ) -> None:
        """Say whether the machine kept up: ``why`` not, and how late requests were sent."""
        statement = "UPDATE sessions SET valid = ?, why = ?, late_ms = ? WHERE id = ?"
        self._note(statement, int(valid), _json(list(why)), _json(late_ms), session)

    def flush(self, patience: float = FLUSH) -> bool:
        """Wait until everything up to now can be read; False if that took too many seconds."""
        return self._writer.flush(patience)

    def close(self) -> None:
        """Write what is left, for some seconds at most, and stop."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._dropped += len(self._events)
        self._events.clear()
        if self.lost:
            self._warn(f"{self.lost} events are missing from the records in {self._store.name}")

    def _note(self, statement: str, *values: Any) -> None:
        self._notes.append(lambda db: db.execute(statement, values))

    def _insert(self, into: str, values: tuple[Any, ...]) -> Any:
        """Insert now; the row's id, or None where there is one with its id already.

        This takes a connection of its own, as the thread may be in a transaction.
        """
        marks = ", ".join("?" * len(values))
        statement = f"INSERT INTO {into} VALUES ({marks}) ON CONFLICT (id) DO NOTHING RETURNING id"
        with closing(self._store.connect()) as db:
            try:
                return db.value(statement, values)
            except db.errors as error:
                raise self._store.unusable(error) from error


class NoRecorder(Recorder):
    """For ``--no-records``: hands out ids and forgets everything."""

    def __init__(self) -> None:
        self._runs = count(1)

    @property
    def lost(self) -> int:
        return 0

    def start_session(self, *_: Any, **__: Any) -> str:
        return session_id(time.time())

    def start_run(self, *_: Any, **__: Any) -> int:
        return next(self._runs)

    def record(self, run: int, event: Event) -> None: ...
    def frame(self, run: int, now: float, frame: str | bytes) -> None: ...
    def annotate(self, run: int, client: dict[str, Any]) -> None: ...
    def extend_run(self, run: int, servers: Sequence[str]) -> None: ...
    def finish_run(self, run: int) -> None: ...
    def finish_session(self, session: str, result: dict[str, Any] | None = None) -> None: ...
    def close(self) -> None: ...

    def validity(
        self, session: str, valid: bool, why: Sequence[str], late_ms: dict[str, float | None]
    ) -> None: ...

    def flush(self, patience: float = 0.0) -> bool:  # noqa: ARG002
        return True


def session_id(now: float) -> str:
    """Sorts by time and is unique: ``20261122-103000-ab3f``, in UTC."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + secrets.token_hex(2)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _json_or_none(value: Any) -> str | None:
    return None if value is None else _json(value)
