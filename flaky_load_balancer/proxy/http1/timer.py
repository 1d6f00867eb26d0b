"""A timer that is set again and again, mostly long before it is due."""

import asyncio
from collections.abc import Callable


class Timer:
    """Calls back when so many seconds have passed since it was last set.

    Setting it again costs a look at the clock: the event loop's own timer runs on, and is moved
    only once it goes off too early.
    """

    __slots__ = ("_callback", "_due", "_handle", "_loop", "_rings")

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._callback = callback
        self._due: float | None = None
        self._rings = 0.0  # when the loop's timer goes off, if there is one
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        due = self._due = self._loop.time() + seconds
        if self._handle is None or due < self._rings:
            self._start(due)

    def clear(self) -> None:
        self._due = None

    def close(self) -> None:
        """For good: nothing is left in the event loop."""
        self._due = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _start(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._rings = due
        self._handle = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._handle = None
        due = self._due
        if due is None:
            return
        if due > self._loop.time() + 0.001:  # finer than the loop's clock
            self._start(due)
            return
        self._due = None
        self._callback()
