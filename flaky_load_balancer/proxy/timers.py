"""Time limits of one length, for many tasks at the price of one timer.

Every request has three of them, and nearly all are over long before they are due.  What is set
first is due first, since all are equally long: so the event loop need only know the oldest.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType


class Alarms:
    """Calls back after so many seconds, unless cleared before."""

    __slots__ = ("_set", "_ticking", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._set: dict[object, tuple[float, Callable[[], object]]] = {}  # in order of time
        self._ticking = False

    def set(self, key: object, ring: Callable[[], object]) -> None:
        """Call ``ring`` then; the ``key`` is not set already."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self.seconds
        self._set[key] = due, ring
        if not self._ticking:
            self._ticking = True
            loop.call_at(due, self._go_off)

    def clear(self, key: object) -> None:
        self._set.pop(key, None)

    def _go_off(self) -> None:
        loop = asyncio.get_running_loop()
        while self._set:
            key = next(iter(self._set))
            due, ring = self._set[key]
            if due > loop.time():
                loop.call_at(due, self._go_off)
                return
            del self._set[key]
            ring()
        self._ticking = False


class Within:
    """As ``asyncio.timeout``, with alarms that others share."""

    __slots__ = ("_alarms", "_before", "_late", "_task")

    def __init__(self, alarms: Alarms) -> None:
        task = asyncio.current_task()
        assert task is not None  # it is awaited in one
        self._alarms = alarms
        self._task = task
        self._late = False

    def __enter__(self) -> None:
        self._before = self._task.cancelling()
        self._alarms.set(self, self._stop)

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._alarms.clear(self)
        if self._late and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from None

    def lift(self) -> None:
        """From now on there is no limit."""
        self._alarms.clear(self)

    def _stop(self) -> None:
        self._late = True
        self._task.cancel()
