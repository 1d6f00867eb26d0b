"""What many ask for at once is made once, and never older than the question."""

import asyncio

import pytest

from flaky_load_balancer.admin.together import Together
from tests.clock import run_in_virtual_time


async def test_who_asks_while_one_is_made_shares_the_next() -> None:
    made: list[int] = []
    may = asyncio.Semaphore(0)

    async def make() -> int:
        made.append(len(made))
        number = made[-1]
        await may.acquire()
        return number

    together = Together(make)
    first = asyncio.create_task(together.get())
    while not made:
        await asyncio.sleep(0)
    later = [asyncio.create_task(together.get()) for _ in range(50)]
    await asyncio.sleep(0)
    later[0].cancel()  # hung up: the others still get theirs
    for _ in range(2):
        may.release()
    assert await first == 0
    assert await asyncio.gather(*later[1:]) == [1] * 49
    assert made == [0, 1]


def test_after_one_comes_a_rest_as_long() -> None:
    async def play() -> list[float]:
        loop, began = asyncio.get_running_loop(), list[float]()

        async def make() -> None:
            began.append(loop.time())
            await asyncio.sleep(2.0)

        together = Together(make)
        await together.get()
        await together.get()
        await asyncio.sleep(3.0)  # longer than the rest
        await together.get()
        return began

    assert run_in_virtual_time(play()) == [0.0, 4.0, 9.0]


async def test_one_that_fails_is_not_the_end() -> None:
    broken = [True]

    async def make() -> str:
        if broken.pop():
            raise ValueError("no")
        return "fine"

    together = Together(make)
    with pytest.raises(ValueError, match="no"):
        await together.get()
    broken.append(False)
    assert await together.get() == "fine"
