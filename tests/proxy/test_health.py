"""The pace of health checks; what they come to is in ``tests/service/test_reload``."""

import asyncio

import pytest

from flaky_load_balancer.config import Health, PoolSettings, ServerSettings
from flaky_load_balancer.proxy.health import TOGETHER, HealthChecks
from flaky_load_balancer.proxy.http1 import Client
from flaky_load_balancer.proxy.pool import Pool, Server


async def test_checks_of_a_large_pool_are_spread_and_none_waits_for_a_slow_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    all_of_them = asyncio.Event()

    async def answered(_: HealthChecks, server: Server) -> None:
        asked.append(server.name)
        if len(asked) == 4 * TOGETHER - 1:
            all_of_them.set()
        await all_of_them.wait()  # the first ones take as long as all others

    monkeypatch.setattr(HealthChecks, "_problem", answered)
    urls = [f"http://127.0.{n}.1:1" for n in range(4 * TOGETHER - 1)]
    pool = Pool("p", PoolSettings(tuple(map(ServerSettings.at, urls))), Client())
    checks = HealthChecks(pool, Health("/", every=0.2, timeout=1.0, fall=1, rise=1), print)
    try:
        for _ in range(3):  # turns of the event loop: tasks of tasks begin in the next one
            await asyncio.sleep(0)
        assert len(asked) == TOGETHER
        await all_of_them.wait()
        assert asked == urls  # each once
    finally:
        checks.stop()
