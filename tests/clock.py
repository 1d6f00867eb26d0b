"""An asyncio event loop whose time jumps to the next timer instead of passing."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.SelectSelector):
    """Pretends to have slept until the next timer: to its very time, not a rounded digit off."""

    loop: asyncio.SelectorEventLoop
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now = self.loop._scheduled[0]._when  # type: ignore[attr-defined]
        return super().select(0)


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    selector = _Jump()
    selector.loop = loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coroutine)
