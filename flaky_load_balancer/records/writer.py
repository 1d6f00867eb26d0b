"""The thread that writes what the event loop recorded.

The loop only appends to a list; the list is shortened after what it held is committed.  So a kill
leaves a prefix of what happened, and a full disk leaves the events waiting where they are.
"""

import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flaky_load_balancer.core.events import Event
from flaky_load_balancer.records import batches, keeping
from flaky_load_balancer.records.database import Batch, Database, Store
from flaky_load_balancer.records.keeping import Keep

PERIOD = 0.25  # seconds between two looks at the list
BATCH = 2000  # events: encoding them holds Python's global lock for less than a millisecond
RETRY = 1.0  # seconds until the next try after an error
HEARTBEAT = 5.0  # seconds
PRUNE = 60.0  # seconds between two looks at age and size
PATIENCE = 0.5  # seconds to wait for another process' transaction before trying later
FLUSH = 5.0  # seconds that close() tries to write what is left

Warn = Callable[[str], None]
Note = Callable[[Database], object]  # something rare to write

log = logging.getLogger(__name__)


class Writer:
    """Writes ``events`` and ``notes`` a few times a second, until it is closed.

    A note is written after every event that was recorded before it.

    When it cannot, it says so once through ``warn`` (in its own thread), keeps trying, and says
    when it can again.
    """

    def __init__(self, store: Store, keep: Keep | None, warn: Warn) -> None:
        self.events: list[tuple[int, Event]] = []
        self.notes: list[Note] = []
        self.refused = 0  # events that could never be written
        self._keep = keep
        self._warn = warn
        self._failing = False
        self._beaten = time.monotonic()
        self._pruned = float("-inf")
        self._batches = 0  # written
        self._batch: Batch = ()  # that is being written, perhaps for the second time
        self._store = store
        self._db = store.connect(create=True)
        self._db.patience(PATIENCE)
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="records", daemon=True)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What goes wrong with the place, and may go right later."""
        return (*self._db.errors, OSError)

    def start(self) -> int:
        """Begin to write; the id of this process among the writers."""
        values = platform.node(), os.getpid(), time.time()
        insert = "INSERT INTO writers (host, pid, seen) VALUES (?, ?, ?) RETURNING id"
        try:
            self._id = int(self._db.value(insert, values))
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
            self._store.check()
            self._prune()
            self._drain()
            self._beat()
        except self.errors as error:
            self._fail(error)
            return False
        if self._failing:
            self._failing = False
            self._warn(f"records are written to {self._store.name} again")
        return True

    def _fail(self, error: Exception) -> None:
        self._db.recover()
        if not self._failing:
            self._failing = True
            self._warn(
                f"cannot write records to {self._store.name} ({str(error).strip()}): trying"
                " again, while the latest events wait in memory as long as they fit"
            )

    def _drain(self) -> None:
        notes = len(self.notes)  # counted first: what was recorded before a note goes before it
        waiting = len(self.events)
        while waiting > 0:
            self._batch = self._batch or self.events[: min(waiting, BATCH)]
            number = self._batches + 1
            self.refused += batches.write(self._db, self._id, number, self._batch)
            self._batches = number
            del self.events[: len(self._batch)]
            waiting -= len(self._batch)
            self._batch = ()
        for _ in range(notes):
            with suppress(*self._db.refused):
                self.notes[0](self._db)
            del self.notes[0]

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
            self._db.execute("UPDATE writers SET seen = ? WHERE id = ?", [time.time(), self._id])
            self._beaten = time.monotonic()
