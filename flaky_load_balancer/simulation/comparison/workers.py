"""Several processes that work for this one, and do not outlive it.

They are started afresh rather than forked, so that they are the same on every system and with
whatever threads this process has.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Map(Protocol):
    """As the built-in ``map``: results come in the order of the tasks."""

    def __call__(
        self, work: Callable[[Task], Result], tasks: Iterable[Task], /
    ) -> Iterator[Result]: ...


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


@contextmanager
def workers(jobs: int) -> Iterator[Map]:
    """A ``map`` that keeps so many processes busy; with one job, this one.

    On an exception, Ctrl-C above all, they are ended in the middle of what they do.
    """
    if jobs == 1:
        yield map
        return
    others = set(active_children())
    executor = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_settle)
    try:
        yield executor.map
    except BaseException:
        for child in set(active_children()) - others:
            child.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _settle() -> None:
    """Leave Ctrl-C to the parent; end when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None  # we are a child
    parent.join()
    os._exit(1)
