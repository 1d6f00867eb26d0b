"""An asyncio event loop whose time jumps to the next timer instead of passing."""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.SelectSelector):
    """Pretends to have slept until the next timer: to its very time, not a rounded digit off."""

    loop: "_VirtualLoop"
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now = max(self.now, self.loop._scheduled[0].when())
        return super().select(0)


class _Timer(asyncio.TimerHandle):
    """Timers of the same nanosecond go off in the order in which they were set."""

    number: int
    _scheduled: bool

    def __lt__(self, other: Any) -> bool:
        mine, its = (round(timer.when(), 9) for timer in (self, other))
        return (mine, self.number) < (its, other.number)


class _VirtualLoop(asyncio.SelectorEventLoop):
    _scheduled: list[_Timer]

    def __init__(self) -> None:
        self._jump = _Jump()
        self._jump.loop = self
        self._numbers = count()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    def call_at(  # type: ignore[override]  # whatever arguments the callback takes
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        timer.number = next(self._numbers)
        timer._scheduled = True  # as asyncio's own call_at does
        heapq.heappush(self._scheduled, timer)
        return timer


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(coroutine)
