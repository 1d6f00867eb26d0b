"""Shared time limits: as exact as a timer of one's own, and as harmless when they are cleared."""

import asyncio

import pytest

from flaky_load_balancer.proxy.timers import Alarms, Within
from tests.clock import run_in_virtual_time


def test_each_goes_off_in_its_own_time() -> None:
    async def play() -> list[tuple[str, float]]:
        loop, alarms = asyncio.get_running_loop(), Alarms(2.0)
        rung: list[tuple[str, float]] = []

        def bell(name: str) -> None:
            rung.append((name, loop.time()))

        alarms.set("a", lambda: bell("a"))
        await asyncio.sleep(0.5)
        alarms.set("b", lambda: bell("b"))
        alarms.set("c", lambda: bell("c"))
        alarms.clear("b")
        await asyncio.sleep(5)
        alarms.set("d", lambda: bell("d"))  # after a rest
        await asyncio.sleep(5)
        return rung

    assert run_in_virtual_time(play()) == [("a", 2.0), ("c", 2.5), ("d", 7.5)]


def test_a_bell_may_set_and_clear_others() -> None:
    async def play() -> list[float]:
        loop, alarms, rung = asyncio.get_running_loop(), Alarms(1.0), list[float]()

        def first() -> None:
            alarms.clear("other")
            alarms.set("next", lambda: rung.append(loop.time()))

        alarms.set("first", first)
        alarms.set("other", lambda: rung.append(-1.0))
        await asyncio.sleep(3)
        return rung

    assert run_in_virtual_time(play()) == [2.0]


def test_only_what_is_late_is_stopped() -> None:
    async def play() -> None:
        alarms = Alarms(1.0)
        with Within(alarms):
            await asyncio.sleep(0.9)
        with pytest.raises(TimeoutError), Within(alarms):
            await asyncio.sleep(1.1)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()  # or a later timeout would be taken for a cancellation
        await asyncio.sleep(5)

    run_in_virtual_time(play())


def test_a_cancellation_is_no_timeout() -> None:
    async def wait(alarms: Alarms) -> None:
        with Within(alarms):
            await asyncio.sleep(10)

    async def play() -> None:
        alarms = Alarms(1.0)
        task = asyncio.create_task(wait(alarms))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_in_virtual_time(play())


def test_a_cancellation_at_the_same_moment_wins() -> None:
    async def wait(alarms: Alarms) -> None:
        with Within(alarms):
            await asyncio.sleep(10)

    async def play() -> None:
        task = asyncio.create_task(wait(Alarms(1.0)))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(1.0, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    run_in_virtual_time(play())
