"""Servers in a thread of their own, as the balancer is in a process of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def in_a_thread(start: Callable[[], Awaitable[Sequence[asyncio.Server]]]) -> Iterator[None]:
    """What ``start`` starts listens inside; after it, nothing of it is left."""
    up, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def main() -> None:
        listening = await start()
        up.set()
        await stop.wait()
        for each in listening:
            each.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert up.wait(20)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
