"""The thread that writes what the event loop recorded.

The loop only appends to a list; the list is shortened after what it held is committed.  So a kill
leaves a prefix of what happened, and a full disk leaves the events waiting where they are.
"""

import logging
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flaky_load_balancer.core.events import Event
from flaky_load_balancer.records import batches, keeping
from flaky_load_balancer.records.database import FILE, connect
from flaky_load_balancer.records.keeping import Keep

PERIOD = 0.25  # seconds between two looks at the list
BATCH = 2000  # events: encoding them holds Python's global lock for less than a millisecond
RETRY = 1.0  # seconds until the next try after an error
HEARTBEAT = 5.0  # seconds
PRUNE = 60.0  # seconds between two looks at age and size
PATIENCE = 500  # milliseconds to wait for another process' transaction before trying later
FLUSH = 5.0  # seconds that close() tries to write what is left

Warn = Callable[[str], None]
Note = Callable[[sqlite3.Connection], object]  # something rare to write

log = logging.getLogger(__name__)


class Writer:
    """Writes ``events`` and ``notes`` a few times a second, until it is closed.

    A note is written after every event that was recorded before it.

    When it cannot, it says so once through ``warn`` (in its own thread), keeps trying, and says
    when it can again.
    """

    def __init__(self, data_dir: Path, keep: Keep | None, warn: Warn) -> None:
        self.events: list[tuple[int, Event]] = []
        self.notes: list[Note] = []
        self.refused = 0  # events that could never be written
        self._keep = keep
        self._warn = warn
        self._failing = False
        self._beaten = time.monotonic()
        self._pruned = float("-inf")
        self._path = data_dir / FILE
        self._db = connect(data_dir, create=True)
        self._file = self._path.stat().st_ino
        self._db.execute(f"PRAGMA busy_timeout = {PATIENCE}")
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="records", daemon=True)

    def start(self) -> int:
        """Begin to write; the id of this process among the writers."""
        values = platform.node(), os.getpid(), time.time()
        insert = "INSERT INTO writers (host, pid, seen) VALUES (?, ?, ?)"
        try:
            self._id = self._db.execute(insert, values).lastrowid or 0
        except BaseException:
            self._db.close()
            raise
        self._thread.start()
        return self._id

    def flush(self, patience: float) -> bool:
        """Wait until everything up to now is written; False if that took too many seconds."""
        done = threading.Event()
        self.notes.append(lambda _: done.set())
        self._wake.set()
        return done.wait(patience)

    def close(self) -> None:
        """Write what is left, for some seconds at most, and stop."""
        self._closing = True
        self._wake.set()
        self._thread.join()
        with suppress(sqlite3.Error):
            self._db.close()

    def _work(self) -> None:
        while not self._closing:
            self._wake.wait(RETRY if self._failing else PERIOD)
            self._wake.clear()
            self._try()
        until = time.monotonic() + FLUSH
        while not self._try() and time.monotonic() < until:
            time.sleep(0.1)

    def _try(self) -> bool:
        """Do what is due; False, and said once, if that is impossible."""
        try:
            self._check_file()
            self._prune()
            self._drain()
            self._beat()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return False
        if self._failing:
            self._failing = False
            self._warn(f"records are written to {self._path} again")
        return True

    def _fail(self, error: Exception) -> None:
        with suppress(sqlite3.Error):
            self._db.rollback()
        if not self._failing:
            self._failing = True
            self._warn(
                f"cannot write records to {self._path} ({error}): trying again, while the"
                " latest events wait in memory as long as they fit"
            )

    def _drain(self) -> None:
        notes = len(self.notes)  # counted first: what was recorded before a note goes before it
        waiting = len(self.events)
        while waiting > 0:
            batch = self.events[: min(waiting, BATCH)]
            self.refused += batches.write(self._db, batch)
            del self.events[: len(batch)]
            waiting -= len(batch)
        for _ in range(notes):
            with suppress(*batches.REFUSED):
                self.notes[0](self._db)
            del self.notes[0]

    def _check_file(self) -> None:
        """Writing to a deleted file succeeds, and is of no use to anyone."""
        if self._path.stat().st_ino != self._file:
            raise FileNotFoundError("the file was replaced: restart to record into the new one")

    def _prune(self) -> None:
        """Keep age and size within their limits; what is recorded meanwhile goes first."""
        if self._keep is None or time.monotonic() - self._pruned < PRUNE:
            return
        self._pruned = time.monotonic()
        for _ in keeping.prune(self._db, self._keep):
            if self._closing:
                return
            if not self._failing:  # else deleting may be what helps
                self._drain()

    def _beat(self) -> None:
        if time.monotonic() - self._beaten > HEARTBEAT:
            self._db.execute("UPDATE writers SET seen = ? WHERE id = ?", (time.time(), self._id))
            self._beaten = time.monotonic()
