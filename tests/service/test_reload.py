"""Reloads, health checks, hedges, mirrors and A/B tests of a running service."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import httpx
import numpy as np
import pytest

from flaky_load_balancer.config import (
    Health,
    Hedge,
    Mirror,
    Part,
    ServerSettings,
    Settings,
    SettingsError,
)
from flaky_load_balancer.proxy.http1 import Reason, UpstreamError
from flaky_load_balancer.records import NoRecorder
from flaky_load_balancer.service.clients import Clients
from flaky_load_balancer.service.running import Service
from tests.service.origins import origins, serving, settings


def with_servers(found: Settings, urls: list[str]) -> Settings:
    pool = replace(found.pools["p"], servers=tuple(ServerSettings.at(url) for url in urls))
    return replace(found, pools=found.pools | {"p": pool})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def test_a_reload_under_load_loses_no_request_and_nothing_that_was_learnt() -> None:
    plans = [["ok"], ["500"], ["ok"]]
    async with origins(*plans) as (one, bad, new):
        before = settings([one.url, bad.url], strategy="v4")
        after = with_servers(before, [new.url, one.url])
        wanted = iter([after, before, after])
        async with serving(before, lambda: next(wanted)) as served:
            statuses: Counter[int] = Counter()

            async def client() -> None:
                for _ in range(40):
                    statuses[(await served.http.get("/")).status_code] += 1

            clients = [asyncio.create_task(client()) for _ in range(5)]
            for count in (40, 80, 120):
                await until(lambda count=count: statuses.total() >= count)  # type: ignore[misc]
                answer = await served.admin.post("/api/reload")
                assert answer.json() == {"changed": ["pools.p"], "restart": []}
            await asyncio.gather(*clients)
            assert statuses == {200: 200}
            route = served.route()
            assert route.servers == [new.url, one.url]
            assert route.recorded == [one.url, bad.url, new.url]
            counts = [sum(column) for column in zip(*route.tally.outcomes, strict=True)]
            assert counts == [len(each.seen) for each in (one, bad, new)]
            assert sum(route.tally.outcomes[0]) == 200
            snapshot = (await served.admin.get("/api/snapshot")).json()
            columns = snapshot["routes"][0]["servers"]
            assert columns["attempts"] == [counts[2], counts[0]]
            believed = route.balancer.strategy.beliefs(np.array([0.0]))
            assert believed["mean"][0][1] > 0.9  # what the old server has shown is not forgotten


async def test_servers_and_rules_may_change_at_once_and_the_strategy_fits_what_it_knew() -> None:
    async with origins(["ok"], ["ok"], ["ok"]) as (one, two, three):
        before = settings([one.url, two.url, three.url], strategy="round-robin")
        route = replace(before.routes[0], game=replace(before.routes[0].game, max_attempts=7))
        after = replace(with_servers(before, [two.url, three.url]), routes=(route,))
        async with serving(before, lambda: after) as served:
            await served.http.get("/")
            assert (await served.admin.post("/api/reload")).status_code == 200
            await served.http.get("/")
            assert [len(each.seen) for each in (one, two, three)] == [1, 1, 0]


async def test_a_wrong_file_changes_nothing() -> None:
    def read() -> Settings:
        raise SettingsError("flb.toml: routes.r.path: expected a path")

    async with origins(["ok"]) as (origin,), serving(settings([origin.url]), read) as served:
        answer = await served.admin.post("/api/reload")
        assert answer.status_code == 422
        assert "routes.r.path" in answer.json()["detail"]
        assert (await served.http.get("/")).text == "ok"


async def test_what_needs_a_restart_is_said_and_the_rest_is_taken() -> None:
    async with origins(["ok"]) as (origin,):
        before = settings([origin.url])
        route = replace(before.routes[0], name="new", path="/new", strategy="v4")
        after = replace(before, routes=(route,), port=1, max_in_flight=7, admin_token="new")
        async with serving(before, lambda: after) as served:
            answer = (await served.admin.post("/api/reload")).json()
            assert answer["changed"] == ["server.max_in_flight", "routes.new", "routes.r"]
            assert answer["restart"] == ["server.port", "server.admin_token"]
            assert (await served.http.get("/")).status_code == 404
            assert (await served.http.get("/new")).text == "ok"
            assert [route.name for route in served.service.routes.shown] == ["new"]
            assert (await served.admin.get("/api/routes/new")).status_code == 200
            assert (await served.admin.post("/api/routes/new/fresh")).status_code == 204
            assert (await served.admin.post("/api/routes/r/fresh")).status_code == 404


async def test_health_checks_leave_a_server_out_and_panic_lets_all_in() -> None:
    health = Health("/healthz", every=0.02, timeout=1.0, fall=2, rise=2)
    async with origins(["500", "500", "500", "ok"], ["ok"]) as (sick, well):
        found = settings([sick.url, well.url], strategy="cascade")
        pool = replace(found.pools["p"], health=health)
        async with serving(replace(found, pools={"p": pool})) as served:
            servers = served.service.routes.pools["p"].servers
            await until(lambda: servers[0].down is not None or len(sick.seen) > 3)
            await until(lambda: servers[0].down is None)  # the checks find that it is well again
            assert [each.target for each in sick.seen[:2]] == ["/healthz", "/healthz"]
            servers[0].down = servers[1].down = "status 500"
            assert (await served.http.get("/")).text == "ok"
            assert served.service.routes.pools["p"].panics >= 1


async def test_a_shortage_of_ours_says_nothing_about_a_servers_health(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    async def short(*_: object, **__: object) -> None:
        nonlocal asked
        asked += 1
        raise UpstreamError(Reason.OURS, "no descriptors", sent=False)

    monkeypatch.setattr("flaky_load_balancer.proxy.http1.upstream.Upstream.connect", short)
    health = Health("/healthz", every=0.01, timeout=1.0, fall=1, rise=1)
    found = settings(["http://127.0.0.1:9"])
    pool = replace(found.pools["p"], health=health)
    async with serving(replace(found, pools={"p": pool})) as served:
        await until(lambda: asked > 3)
        assert served.service.routes.pools["p"].servers[0].down is None


async def test_a_hedge_is_sent_when_the_first_attempt_is_slow_and_its_loser_is_cancelled() -> None:
    hedge = Hedge(percent=100, after=0.05, quantile=None)
    async with (
        origins(["hang"], ["ok"]) as (slow, quick),
        serving(settings([slow.url, quick.url], hedge=hedge)) as served,
    ):
        assert (await served.http.get("/")).text == "ok"
        post = asyncio.create_task(served.http.post("/"))
        await until(lambda: len(slow.seen) == 2)
        await asyncio.sleep(0.15)
        assert not post.done()  # a POST is never hedged
        post.cancel()
        tally = served.route().tally
        assert tally.hedges == 1
        assert tally.outcomes[3][0] == 1
        assert tally.possibly_twice == 1
    assert [each.method for each in quick.seen] == ["GET"]


async def test_a_hedge_waits_for_the_quantile_of_the_times_to_first_byte() -> None:
    hedge = Hedge(percent=100, after=None, quantile=0.95)
    async with origins([*["ok"] * 50, "hang"], ["ok"]) as (slow, quick):
        found = settings([slow.url, quick.url], hedge=hedge)
        moved = replace(found, routes=(replace(found.routes[0], flb_headers=False),))
        async with serving(found, lambda: moved) as served:
            for _ in range(100):
                assert (await served.http.get("/")).text == "ok"
            assert served.route().tally.hedges == 0  # 100 times are needed first
            await served.admin.post("/api/reload")  # which forgets none of them
            assert (await served.http.get("/")).text == "ok"  # from the second server
            assert served.route().tally.hedges == 1


async def test_a_mirror_gets_copies_and_its_answers_are_dropped() -> None:
    async with origins(["ok"], ["500"]) as (origin, canary):
        found = settings([origin.url], mirror=Mirror("canary", 100))
        pools = found.pools | {"canary": with_servers(found, [canary.url]).pools["p"]}
        async with serving(replace(found, pools=pools)) as served:
            answer = await served.http.put("/x", content=b"body")
            assert answer.text == "ok"
            await served.http.post("/y", content=b"never copied")
            mirror = served.route("r~mirror")
            await until(lambda: mirror.tally.requests == 1)
            assert mirror.tally.codes == {500: 1}
    assert [(each.target, each.body) for each in canary.seen] == [("/x", b"body")]


async def test_an_a_b_test_has_beliefs_and_runs_of_its_own() -> None:
    split = (Part("v4", 50), Part("random", 50))
    async with origins(["ok"]) as (origin,), serving(settings([origin.url], split=split)) as served:
        for _ in range(40):
            await served.http.get("/")
        counts = {each.name: each.tally.requests for each in served.service.routes.shown}
    assert counts.keys() == {"r~v4", "r~random"}
    assert sum(counts.values()) == 40
    assert all(counts.values())


async def test_an_a_b_test_begins_anew_with_other_shares_only() -> None:
    async with origins(["ok"]) as (origin,):
        before = settings([origin.url], split=(Part("v4", 50), Part("random", 50)))
        other = settings([origin.url], split=(Part("v4", 90), Part("random", 10)))
        failing = replace(before.routes[0], failed=frozenset({500}))
        wanted = iter([replace(before, routes=(failing,)), other])
        async with serving(before, lambda: next(wanted)) as served:
            for total in (20, 40, 20):
                for _ in range(20):
                    await served.http.get("/")
                (split,) = (await served.admin.get("/api/splits")).json()
                assert split["route"] == "r"
                assert [arm["route"] for arm in split["arms"]] == ["r~v4", "r~random"]
                assert sum(arm["requests"] for arm in split["arms"]) == total
                if total == 40 or split["arms"][0]["percent"] == 50:
                    await served.admin.post("/api/reload")


async def test_it_is_ready_once_there_is_somebody_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers take seconds to begin where there are thousands of servers; clients would wait."""
    opened, may_open = Clients.open, asyncio.Event()

    async def slowly(clients: Clients, listening: socket.socket) -> None:
        await may_open.wait()
        await opened(clients, listening)

    monkeypatch.setattr(Clients, "open", slowly)
    data, admin = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    where = f"http://127.0.0.1:{admin.getsockname()[1]}"
    with data, admin:
        async with origins(["ok"]) as (origin,), httpx.AsyncClient(base_url=where) as people:
            service = Service(settings([origin.url]), NoRecorder(), "s", None)
            running = service.running(data, admin, "")
            begun = asyncio.create_task(running.__aenter__())
            assert (await people.get("/livez")).status_code == 200
            assert (await people.get("/readyz")).status_code == 503
            may_open.set()
            await begun
            assert (await people.get("/readyz")).status_code == 200
            await running.__aexit__(None, None, None)


async def test_an_admin_token_is_asked_for() -> None:
    async with origins(["ok"]) as (origin,):
        found = replace(settings([origin.url]), admin_token="secret")
        async with serving(found) as served:
            get = served.admin.get
            assert (await get("/livez")).status_code == (await get("/readyz")).status_code == 200
            assert (await get("/api/snapshot")).status_code == 401
            bearer = {"Authorization": "Bearer secret"}
            assert (await get("/api/snapshot", headers=bearer)).status_code == 200
            lower = {"Authorization": "bearer secret"}  # schemes are alike in any case
            assert (await get("/api/snapshot", headers=lower)).status_code == 200
            for wrong in ("Bearer x", "Basic secret", "secret", "Bearer"):
                assert (await get("/", headers={"Authorization": wrong})).status_code == 401
