"""Replicas over a real Redis, which is stopped, frozen, emptied and full in the middle."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import Outcome, Rules
from flaky_load_balancer.sharing import Exchange, Keeper, Shared, Snapshots
from flaky_load_balancer.sharing.snapshots import Heard, packed
from tests.sharing.redis_server import PROGRAMS, RedisServer, certificate, redis_server

pytest.importorskip("redis")
from flaky_load_balancer.sharing import streams
from flaky_load_balancer.sharing.streams import RedisStreams

GOOD, BAD = Outcome.SUCCEEDED, Outcome.FAILED
PATIENCE = 15.0  # seconds


@dataclass
class Learner:
    """A route, as far as sharing is concerned."""

    name: str
    balancer: Balancer
    servers: Sequence[str]
    sharing: Exchange | None = None


class Replica:
    """A service of one route."""

    def __init__(self, url: str, name: str = "flb", ahead: float = 0.0) -> None:
        self.ahead = ahead
        balancer = Balancer(registry.load("v4"), Rules(2), np.random.default_rng(1))
        self.strategy = balancer.strategy
        self.route = Learner("orders", balancer, ["a", "b"])
        self.store = RedisStreams(url, name, self.clock)
        self.shared = Shared(self.store, [self.route], self.clock)
        self.count = 0

    def clock(self) -> float:
        return time.time() + self.ahead

    @property
    def exchange(self) -> Exchange:
        assert self.route.sharing is not None
        return self.route.sharing

    def play(self, *outcomes: Outcome) -> None:
        for outcome in outcomes:
            self.count += 1
            balancer = self.route.balancer
            balancer.arrive_one(0, self.clock() + 10.0, self.count)
            balancer.decide_one(0, self.clock(), 3)
            balancer.complete_one(0, int(outcome), self.clock(), np.nan)
            balancer.leave_one(0)

    def learnt(self) -> int:
        """How many attempts it has learnt of, its own and others'."""
        return int(self.strategy.state().arrays["counts.ended"].sum())


@asynccontextmanager
async def replicas(*which: Replica) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for each in which:
            await stack.enter_async_context(each.store.running())
            await stack.enter_async_context(each.shared.running())
        yield


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(body)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "AGAIN", (0.05, 0.1))
    monkeypatch.setattr(streams, "BLOCK", 50)
    monkeypatch.setattr(streams, "ANSWER", 0.5)
    monkeypatch.setattr(streams, "MEASURED", 0.2)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    programs = [request.param] if hasattr(request, "param") else PROGRAMS
    with redis_server(tmp_path, programs=programs) as running:
        yield running


of_each_kind = pytest.mark.parametrize("server", PROGRAMS, indirect=True)


@of_each_kind
def test_what_one_learns_the_other_learns(server: RedisServer) -> None:
    async def body() -> None:
        here, there, apart = Replica(server.url), Replica(server.url), Replica(server.url, "other")
        async with replicas(here, there, apart):
            here.play(*[GOOD] * 20)
            there.play(*[BAD] * 10)
            await until(lambda: here.learnt() == there.learnt() == 30)
            await until(lambda: here.exchange.replicas == 1 and here.exchange.connected)
            assert there.exchange.missed == here.exchange.missed == 0
            assert apart.learnt() == 0

    run(body())
    assert server.ask("EXISTS", "flb:flb:orders") == 1


def test_no_redis_at_the_start_is_no_fault(tmp_path: Path, caplog: Any) -> None:
    server = RedisServer(tmp_path)

    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            here.play(*[GOOD] * 20)
            await asyncio.sleep(0.3)
            assert not here.exchange.connected
            await asyncio.to_thread(server.start)
            await until(lambda: there.learnt() == 20)

    try:
        run(body())
    finally:
        server.stop()
    said = [each.message for each in caplog.records if "alone" in each.message]
    assert len(said) == 2  # each said it once
    assert str(server.port) in said[0]


@of_each_kind
def test_a_restart_of_redis_loses_nothing(server: RedisServer) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            here.play(*[GOOD] * 5)
            await until(lambda: there.learnt() == 5)
            server.stop()
            here.play(*[GOOD] * 5)
            await until(lambda: not here.exchange.connected)
            here.play(*[GOOD] * 5)
            await asyncio.to_thread(server.start)
            await until(lambda: there.learnt() == 15)
            assert there.exchange.missed == 0

    run(body())


def test_a_frozen_redis_delays_nobody(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            here.play(GOOD)
            await until(lambda: there.learnt() == 1)
            server.freeze()
            try:
                for _ in range(20):
                    here.play(*[GOOD] * 5)
                    await asyncio.sleep(0.02)
                await until(lambda: not here.exchange.connected and not there.exchange.connected)
            finally:
                server.thaw()
            assert here.learnt() == 101
            await until(lambda: there.learnt() == 101)
            assert there.exchange.missed == 0

    run(body())


def test_memory_is_bounded_and_what_is_dropped_is_said(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            here.play(GOOD)
            await until(lambda: there.learnt() == 1)
            server.stop()
            await until(lambda: not here.exchange.connected)
            monkeypatch.setattr(streams, "ROOM", 1000)
            for _ in range(10):
                here.play(*[GOOD] * 10)
                here.exchange.flush()
            assert here.exchange.dropped > 0
            await asyncio.to_thread(server.start)
            here.play(GOOD)
            await until(lambda: there.exchange.missed > 0)
            await until(lambda: there.learnt() + there.exchange.missed == 102)

    run(body())


@pytest.mark.parametrize("command", [("FLUSHALL",), ("DEL", "flb:flb:orders")])
def test_a_stream_that_is_gone_begins_anew(server: RedisServer, command: tuple[str, ...]) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            for count in range(1, 5):
                here.play(GOOD)
                there.play(BAD)
                await until(lambda: here.learnt() == there.learnt() == 2 * count)  # noqa: B023
                await asyncio.to_thread(server.ask, *command)
            assert here.exchange.missed == there.exchange.missed == 0

    run(body())


def test_a_stream_whose_numbers_go_back_is_read_from_its_begin(server: RedisServer) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        there.store.begin_at("orders", "99999999999999-0")
        async with replicas(here, there):
            here.play(*[GOOD] * 5)
            await until(lambda: there.learnt() == 5)

    run(body())


@of_each_kind
def test_a_full_redis_is_trouble_until_there_is_room(server: RedisServer) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            here.play(GOOD)
            await until(lambda: there.learnt() == 1)
            await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory", "1")
            here.play(*[GOOD] * 5)
            await until(lambda: not here.exchange.connected)
            await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory", "0")
            await until(lambda: there.learnt() == 6)

    run(body())


def test_a_password_is_used_and_never_shown(tmp_path: Path, caplog: Any) -> None:
    async def body(server: RedisServer) -> None:
        here, there = Replica(server.url), Replica(server.url)
        stranger = Replica(server.url.replace("right", "wrong"))
        async with replicas(here, there, stranger):
            here.play(*[GOOD] * 5)
            await until(lambda: there.learnt() == 5)
            assert stranger.learnt() == 0
            assert not stranger.exchange.connected

    with redis_server(tmp_path, password="right-one") as server:
        run(body(server))
    assert "alone" in caplog.text
    assert "right" not in caplog.text
    assert "wrong-one" not in caplog.text


def test_over_tls_one_learns_what_the_other_learns(tmp_path: Path) -> None:
    async def body() -> None:
        here, there = Replica(redis.url), Replica(redis.url)
        async with replicas(here, there):
            here.play(*[GOOD] * 20)
            await until(lambda: there.learnt() == 20)

    with redis_server(tmp_path, certificate=certificate(tmp_path)) as redis:
        run(body())


@pytest.mark.parametrize(
    ("name", "query", "why"),
    [
        ("IP:127.0.0.1", "", "CERTIFICATE_VERIFY_FAILED"),  # by roots that do not know it
        ("DNS:another.test", "?ssl_ca_certs={cert}", "IP address mismatch"),
        (
            "IP:127.0.0.1",
            "?ssl_ca_certs={cert}",
            "nothing is shared",
        ),  # of the client, which is asked for
    ],
    ids=["unknown", "of another name", "none of the client"],
)
def test_nothing_is_shared_over_tls_without_the_right_certificates(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, query: str, why: str
) -> None:
    made = certificate(tmp_path, name)

    async def body() -> None:
        alone = Replica(redis.url.partition("?")[0] + query.format(cert=made.cert))
        async with replicas(alone):
            alone.play(GOOD)
            await until(lambda: why in caplog.text)
            assert not alone.exchange.connected
            assert alone.learnt() == 1

    with redis_server(tmp_path, certificate=made) as redis:
        run(body())


def test_rubbish_in_a_stream_is_passed_over(server: RedisServer) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here, there):
            add = "XADD", "flb:flb:orders", "*"
            await asyncio.to_thread(server.ask, *add, "b", "\x80rubbish")
            await asyncio.to_thread(server.ask, *add, "other", "field")
            here.play(*[GOOD] * 5)
            await until(lambda: there.learnt() == 5)
            assert there.exchange.unreadable == 1

    run(body())


def test_clocks_are_compared_with_that_of_redis(server: RedisServer, caplog: Any) -> None:
    async def body() -> None:
        here, there = Replica(server.url, ahead=30.0), Replica(server.url, ahead=-0.3)
        async with replicas(here, there):
            await until(lambda: here.store.connected and there.store.connected)
            assert here.store.offset == pytest.approx(-30.0, abs=0.1)
            here.play(*[GOOD] * 5)
            await until(lambda: there.learnt() == 5)
            assert there.exchange.lag < 5.0

    run(body())
    warned = [each.message for each in caplog.records if "clock" in each.message]
    assert len(warned) == 1
    assert "30.0 s behind" in warned[0]


@of_each_kind
def test_a_newcomer_starts_from_the_last_snapshot_and_the_tail(server: RedisServer) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here):
            here.play(*[GOOD] * 20)
            await until(lambda: here.exchange.position is not None)
            await keep(here)
            await asyncio.to_thread(server.ask, "XTRIM", "flb:flb:orders", "MAXLEN", "0")
            here.play(*[BAD] * 10)
            await until(lambda: here.exchange.position is not None)
            await Keeper(None, [there.route], time.time, shared=there.shared).load()
            assert there.learnt() == 20
            async with replicas(there):
                await until(lambda: there.learnt() == 30)
                here.play(GOOD)
                await until(lambda: there.learnt() == 31)

    run(body())


def test_the_newer_snapshot_wins_and_ones_own_events_after_it_are_read_again(
    server: RedisServer, tmp_path: Path
) -> None:
    async def body(snapshots: Snapshots) -> None:
        before = Replica(server.url)
        async with replicas(before):
            before.play(*[GOOD] * 10)
            await keep(before)  # what lies in Redis is older
            before.play(*[GOOD] * 5)
            heard, state = before.exchange.heard(), before.strategy.state()
            snapshots.save("orders", state, before.route.servers, time.time(), heard)
            before.play(*[GOOD] * 2)  # and then it dies
            await until(lambda: before.exchange.position is not None)
        after = Replica(server.url)
        await Keeper(snapshots, [after.route], time.time, shared=after.shared).load()
        assert after.learnt() == 15
        async with replicas(after):
            await until(lambda: after.learnt() == 17)
            await asyncio.sleep(0.2)
            assert after.learnt() == 17

    with Snapshots(tmp_path / "data") as snapshots:
        run(body(snapshots))


def test_with_fresh_only_what_comes_is_learnt(server: RedisServer) -> None:
    async def body() -> None:
        here, there = Replica(server.url), Replica(server.url)
        async with replicas(here):
            here.play(*[GOOD] * 10)
            await keep(here)
            await asyncio.sleep(0.2)
            Keeper(None, [there.route], time.time, shared=there.shared).forget()
            async with replicas(there):
                await until(lambda: there.store.connected)
                here.play(*[GOOD] * 3)
                await until(lambda: there.learnt() == 3)

    run(body())


def test_a_snapshot_that_is_no_snapshot_is_left_alone(server: RedisServer, caplog: Any) -> None:
    server.ask("SET", "flb:flb:orders:snapshot", '{"saved": 1}\nrubbish')
    there = Replica(server.url)

    async def body() -> None:
        async with there.store.running():
            await Keeper(None, [there.route], time.time, shared=there.shared).load()

    run(body())
    assert there.learnt() == 0
    assert "cannot be used" in caplog.text


async def keep(replica: Replica) -> None:
    """Put what it has learnt there."""
    await until(lambda: replica.store.connected)
    heard: Heard = replica.exchange.heard()
    learnt = "orders", replica.strategy.state(), replica.route.servers, time.time(), heard
    await replica.shared.keep("orders", packed(*learnt))


def test_of_two_parts_that_fail_at_once_neither_is_left_unasked() -> None:
    left: list[Any] = []

    async def fails() -> None:
        raise ConnectionError

    async def body() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))
        with pytest.raises(ConnectionError):
            await streams._all(fails(), fails())
        gc.collect()

    run(body())
    assert left == []
