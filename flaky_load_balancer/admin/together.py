"""Answers that many ask for at once: made once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Makes one at a time.

    Who asks while one is being made shares the next one with all others who do, so that nobody
    gets what is older than the question.  The next one is made after a rest as long as the last one
    took, which is the data plane's: many who ask without end cost it no more than one who does.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None
        self._rested = 0.0  # when the next one may be made

    async def get(self) -> T:
        if self._next is None:
            self._next = asyncio.create_task(self._made())
        return await asyncio.shield(self._next)  # another one may still want it

    async def _made(self) -> T:
        loop = asyncio.get_running_loop()
        async with self._making:
            await asyncio.sleep(self._rested - loop.time())
            self._next = None
            began = loop.time()
            try:
                return await self._make()
            finally:
                now = loop.time()
                self._rested = now + (now - began)
