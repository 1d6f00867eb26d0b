"""What recording costs a busy event loop: ``python -m benchmarks.records``.

The main thread plays an event loop that never rests: a little Python between two system calls.
Beside it a thread writes batches in one of two ways: as one JSON text that SQLite takes apart
(what ``flb`` does), and row after row with ``executemany``.  *Blocked* is the time that the loop
spent waiting for Python's global lock, for each event written: wall time without its own CPU time
and without waiting for a core, so that other programs on the machine hardly matter (Linux only).
"""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from flaky_load_balancer.core.events import Attempt, Delivery, Ending, Event
from flaky_load_balancer.records import Recorder, batches
from flaky_load_balancer.records.recorder import BACKLOG
from flaky_load_balancer.records.sqlite import Folder, SQLite
from flaky_load_balancer.records.tables import EVENTS
from flaky_load_balancer.records.writer import BATCH

RUNS = 60
SECONDS = 1.5
REPEATS = 7
RATES = {"at 8000 events/s": 8000.0, "at full speed": float("inf")}

Entry = tuple[int, Event]
Write = Callable[[SQLite, Sequence[Entry]], object]


class Cost(NamedTuple):
    """Of one way to write beside a busy loop."""

    blocked: float  # microseconds for each event
    rate: float  # events per second


def main() -> None:
    """Print both ways' costs and their ratio."""
    print(f"record(): {record_cost():.2f} us on the event loop's side")
    print(f"{'':<20}{'JSON':>24}{'executemany':>24}{'ratio':>10}")
    for name, rate in RATES.items():
        ours, theirs = compare(rate)
        print(
            f"{name:<20}",
            *(f"{c.blocked:9.2f} us, {c.rate:6.0f}/s " for c in (ours, theirs)),
            end="",
        )
        print(f"{theirs.blocked / ours.blocked:>10.1f}")


def record_cost() -> float:
    """Microseconds of one call, the best of several rounds."""
    event, rounds = batch()[0][1], []
    with TemporaryDirectory() as folder, Recorder(folder) as recorder:
        for _ in range(REPEATS):
            began = time.perf_counter()
            for _ in range(BACKLOG // 10):
                recorder.record(1, event)
            rounds.append((time.perf_counter() - began) / (BACKLOG // 10) * 1e6)
            recorder.flush()
    return min(rounds)


def compare(rate: float) -> list[Cost]:
    """The medians of both ways, measured in turns."""
    costs: list[list[Cost]] = [[], []]
    with TemporaryDirectory() as folder:
        for _ in range(REPEATS):
            for index, write in enumerate((as_text, row_by_row)):
                with closing(Folder(Path(folder) / str(index)).connect(create=True)) as db:
                    costs[index].append(beside_a_loop(db, write, rate))
    return [Cost(*map(statistics.median, zip(*found, strict=True))) for found in costs]


def beside_a_loop(db: SQLite, write: Write, rate: float) -> Cost:
    entries, stop, done = batch(), threading.Event(), [0]

    def work() -> None:
        began = time.perf_counter()
        while not stop.is_set():
            write(db, entries)
            done[0] += len(entries)
            stop.wait(max(0.0, done[0] / rate - (time.perf_counter() - began)))

    thread = threading.Thread(target=work)
    thread.start()
    blocked, written = spin(SECONDS), done[0]
    stop.set()
    thread.join()
    return Cost(blocked / written * 1e6, written / SECONDS)


def spin(seconds: float) -> float:
    """Be a busy event loop; the seconds in which it was kept from running."""
    left, right = socket.socketpair()
    with left, right:
        began, accounted = time.perf_counter(), own_time()
        while time.perf_counter() - began < seconds:
            left.send(b"x")
            right.recv(1)
            for _ in range(300):  # about ten microseconds of Python
                pass
        return time.perf_counter() - began - (own_time() - accounted)


def own_time() -> float:
    """Seconds that this thread ran, or waited for nothing but a core."""
    ran, waited, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return (int(ran) + int(waited)) / 1e9


def as_text(db: SQLite, entries: Sequence[Entry]) -> None:
    """What ``flb`` does, by a writer that does not count its batches."""
    batches.write(db, 0, 1, entries)


def row_by_row(db: SQLite, entries: Sequence[Entry]) -> None:
    """The same transaction with ``executemany``."""
    db.execute("BEGIN IMMEDIATE")
    first = db.value("SELECT next FROM positions")
    placed = list(enumerate(entries))
    for made, table in EVENTS.items():
        rows = [
            (run, first + place, *event) for place, (run, event) in placed if type(event) is made
        ]
        marks = ", ".join("?" * (2 + len(made._fields)))
        names = ", ".join(("run", "position", *made._fields))
        db.connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
    db.execute("UPDATE positions SET next = next + ?", [len(entries)])
    db.execute("COMMIT")


def batch() -> list[Entry]:
    """A batch as a race of many runs makes it: two attempts for each request."""
    now, made = time.time(), list[Entry]()
    for request in range(BATCH // 3):
        run = 1 + request % RUNS
        made += [(run, Attempt(request, number, 3, number - 1, now, 0.0123)) for number in (2, 1)]
        made.append((run, Delivery(request, "x" * 24, now, now, Ending.DELIVERED, 2, False)))
    return made


if __name__ == "__main__":
    main()
