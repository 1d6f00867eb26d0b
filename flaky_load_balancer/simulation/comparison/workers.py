"""Several processes that work for this one, and do not outlive it; one that is lost is replaced.

They are started afresh rather than forked, so that they are the same on every system and with
whatever threads this process has.  Those of a Ray cluster are in ``cluster``.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from typing import Any, Literal, Protocol, TypeVar

from flaky_load_balancer.core.errors import UserError

TRIES = 4  # of one task, whose worker is lost every time
Task = TypeVar("Task")
Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Map(Protocol):
    """As the built-in ``map``: results come in the order of the tasks."""

    def __call__(
        self, work: Callable[[Task], Result], tasks: Iterable[Task], /
    ) -> Iterator[Result]: ...


class LostError(UserError):
    """Whoever does a piece of the work is lost, again and again."""

    def __init__(self) -> None:
        super().__init__(
            f"a piece of the work was lost with its worker {TRIES} times: is memory short?"
            " Take fewer --jobs"
        )


@dataclass(frozen=True)
class Executor:
    """Who does the work; ``jobs`` None: as many processes as there are cores.

    A Ray cluster is begun on this machine, or the one at ``address`` is joined.
    """

    kind: Literal["processes", "ray"] = "processes"
    jobs: int | None = None
    address: str | None = None

    def within(self, most: int) -> "Executor":
        """With so many processes at most; a cluster serves others, too."""
        if self.kind == "ray":
            return self
        return replace(self, jobs=min(self.jobs or cores(), most))


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


@contextmanager
def working(executor: Executor) -> Iterator[Map]:
    """The ``map`` of whoever does the work."""
    if executor.kind == "processes":
        with workers(executor.jobs or cores()) as mapped:
            yield mapped
        return
    from flaky_load_balancer.simulation.comparison import cluster  # noqa: PLC0415 (an extra)

    with cluster.working(executor.jobs, executor.address) as mapped:
        yield mapped


@contextmanager
def workers(jobs: int) -> Iterator[Map]:
    """A ``map`` that keeps so many processes busy; with one job, this one.

    On an exception, Ctrl-C above all, they are ended in the middle of what they do.
    """
    if jobs == 1:
        yield map
        return
    others = set(active_children())
    processes = _Processes(jobs)
    try:
        yield processes.map
    except BaseException:
        for child in set(active_children()) - others:
            child.terminate()
        raise
    finally:
        processes.pool.shutdown(cancel_futures=True)


class _Processes:
    """A pool of processes, and another one in its place where one of them is lost."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self.pool = self._new()

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        waiting = list(tasks)
        futures = [self.pool.submit(work, task) for task in waiting]
        return self._results(work, waiting, futures)

    def _results(
        self, work: Callable[[Task], Result], tasks: list[Task], futures: list[Future[Result]]
    ) -> Iterator[Result]:
        for place in range(len(tasks)):
            for left in reversed(range(TRIES)):
                try:
                    yield futures[place].result()
                    break
                except BrokenProcessPool:
                    if not left:
                        raise LostError from None
                self._renew()
                for later in range(place, len(tasks)):
                    if not _succeeded(futures[later]):
                        futures[later] = self.pool.submit(work, tasks[later])

    def _renew(self) -> None:
        """A pool ends as a whole when it loses a process; what others had finished is kept."""
        log.warning("a worker was lost: what it did is done again")
        self.pool.shutdown(wait=True)
        self.pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._jobs, get_context("spawn"), initializer=_settle)


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _settle() -> None:
    """Leave Ctrl-C to the parent; end when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None  # we are a child
    parent.join()
    os._exit(1)
