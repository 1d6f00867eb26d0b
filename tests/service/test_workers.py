"""Several workers: one service to whoever looks, and none of them missed for long."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flaky_load_balancer.cli import options
from flaky_load_balancer.config import MOST_WORKERS, Health, Settings
from flaky_load_balancer.service.workers import Crew
from tests.programs import (
    eventually,
    flb,
    is_refused,
    mentioning,
    nobody_left,
    said,
    started,
    taken_port,
)
from tests.service.origins import Served, origins, serving, settings


def crew(served: Served) -> Crew:
    front = served.service.front
    assert isinstance(front, Crew)
    return front


def pids(served: Served) -> list[int]:
    return [member.child.process.pid for member in crew(served).serving]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(50):
        while not holds():
            await asyncio.sleep(0.01)


async def fetch(served: Served, count: int, path: str = "/") -> list[httpx.Response]:
    """So many requests at once, each on a connection of its own."""
    url = f"http://127.0.0.1:{served.port}{path}"

    async def one() -> httpx.Response:
        async with httpx.AsyncClient(timeout=30) as http:
            return await http.get(url)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def snapshot(served: Served, requests: int) -> Any:
    """Once it shows so many requests."""
    await until(lambda: served.route().tally.requests >= requests)
    return (await served.admin.get("/api/snapshot")).json()["routes"][0]


@pytest.mark.slow
async def test_two_workers_are_one_service_to_whoever_looks() -> None:
    async with origins(["ok"], ["ok"]) as (one, other):
        found = replace(settings([one.url, other.url], strategy="v4"), workers=2)
        async with serving(found) as served:
            answers = await fetch(served, 40)
            assert {answer.status_code for answer in answers} == {200}
            route = await snapshot(served, 40)
            columns = route["servers"]
            assert (route["requests"], route["delivered"], route["in_flight"]) == (40, 40, 0)
            assert columns["attempts"] == [len(one.seen), len(other.seen)]
            # Whoever says what is believed has learnt from the requests of the other, too.
            await until(lambda: believed(served) == expected(one, other))
            decisions = (await served.admin.get("/api/routes/r/decisions")).json()["decisions"]
            assert len({each["request"] for each in decisions}) == 40
            assert {each["outcome"] for each in decisions} == {"succeeded"}
            assert [each["cursor"] for each in decisions] == list(range(1, 41))


def believed(served: Served) -> list[float]:
    found = served.route().reported
    return [] if found is None else found.beliefs["mean"].round(6).tolist()


def expected(*servers: Any) -> list[float]:
    """The mean of Beta(1 + successes, 1) for each."""
    return [round((len(each.seen) + 1) / (len(each.seen) + 2), 6) for each in servers]


@pytest.mark.slow
async def test_a_worker_that_is_killed_is_replaced_and_takes_only_its_own_requests_along() -> None:
    async with origins(["ok"] * 20 + ["hold"] * 8 + ["ok"]) as (origin,):
        found = replace(settings([origin.url], strategy="v4"), workers=2)
        async with serving(found) as served:
            await fetch(served, 20)
            held = asyncio.gather(*(fetch(served, 1) for _ in range(8)), return_exceptions=True)
            await until(lambda: len(origin.seen) == 28)
            before = pids(served)
            inside = served.route().dispatcher.in_flight
            os.kill(before[0], signal.SIGKILL)
            await until(lambda: len(pids(served)) == 2 and pids(served) != before)
            survivors = served.route().dispatcher.in_flight
            origin.held.set()
            outcomes = [type(each) for each in await held]
            assert inside == 8
            assert outcomes.count(list) == survivors
            assert len(outcomes) - outcomes.count(list) == 8 - survivors
            metrics = (await served.admin.get("/metrics")).text
            assert "\nflb_workers 2.0\n" in metrics
            assert "\nflb_worker_restarts_total 1.0\n" in metrics
            assert {each.status_code for each in await fetch(served, 10)} == {200}
            await snapshot(served, 20 + survivors + 10)
            await until(lambda: served.route().dispatcher.in_flight == 0)
            numbers = (await served.admin.get("/api/routes/r/decisions")).json()["decisions"]
            assert len({each["request"] for each in numbers}) == len(numbers)


async def test_reload_drain_health_and_fresh_reach_all_workers() -> None:
    async with origins(["ok"], ["ok"], ["500"]) as (one, other, ill):
        before = replace(settings([one.url, other.url]), workers=2)
        pool = before.pools["p"]
        checked = replace(
            settings([one.url, ill.url]).pools["p"], health=Health(every=0.05, fall=1)
        )
        after = replace(before, pools={"p": checked}, max_in_flight=99)
        assert pool != checked
        wanted: list[Settings] = [after]
        async with serving(before, lambda: wanted[-1]) as served:
            name = one.url.replace("/", "%2F").replace(":", "%3A")
            answer = await served.admin.post(f"/api/pools/p/servers/{name}/drain")
            assert answer.status_code == 204
            await fetch(served, 12)
            assert (len(one.seen), len(other.seen)) == (0, 12)
            await served.admin.post(f"/api/pools/p/servers/{name}/ready")
            reloaded = (await served.admin.post("/api/reload")).json()
            assert reloaded["changed"] == ["server.max_in_flight", "pools.p"]
            await until(lambda: served.service.routes.pools["p"].servers[1].down is not None)
            await crew(served).agree()
            answers = await fetch(served, 12)
            assert {each.headers["x-flb-server"] for each in answers} == {one.url}
            assert (await served.admin.post("/api/routes/r/fresh")).status_code == 204
            await snapshot(served, 24)
            assert served.route().recorded == [one.url, other.url, ill.url]
            assert served.route().tally.outcomes[0] == [12, 12, 0]


@pytest.mark.slow
async def test_max_in_flight_and_the_retry_budget_are_those_of_the_service() -> None:
    async with origins(["hold"]) as (origin,):
        found = replace(settings([origin.url]), workers=2, max_in_flight=5)
        async with serving(found) as served:
            asked = asyncio.create_task(fetch(served, 12))
            await until(lambda: len(origin.seen) == 5)
            await until(lambda: served.route().dispatcher.in_flight == 5)
            assert [each.status_code for each in await fetch(served, 3)] == [503] * 3
            origin.held.set()
            codes = Counter(each.status_code for each in await asked)
            assert codes == {200: 5, 503: 7}


def test_absurd_numbers_are_refused_and_a_taken_port_is_an_error(tmp_path: Path) -> None:
    server = ("--server", "http://127.0.0.1:1")
    for wrong in (0, 1000):
        is_refused(
            flb("serve", *server, "--workers", wrong, cwd=tmp_path), "--workers", "1<=x<=256"
        )
    assert options.WORKERS.max == MOST_WORKERS
    with taken_port() as port:
        words = ("--workers", 2, "--admin-port", 0, "--port", port)
        is_refused(flb("serve", *server, *words, cwd=tmp_path), f"--port {port}", "choose another")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(number: signal.Signals, tmp_path: Path) -> None:
    words = ("--server", "http://127.0.0.1:1", "--port", 0, "--admin-port", 0, "--json", "-")
    with started("serve", *words, "--workers", 2, cwd=tmp_path) as process:
        addresses = said(process)
        assert httpx.get(addresses["data"]).status_code == 502
        assert len(mentioning(str(tmp_path))) == 3
        process.send_signal(number)
        process.wait(timeout=30)
        nobody_left(str(tmp_path))
        if number is signal.SIGTERM:
            assert process.returncode == 0


@pytest.mark.slow
def test_what_snapshot_and_records_say_is_the_same(tmp_path: Path) -> None:
    words = ("--server", "http://127.0.0.1:1", "--port", 0, "--admin-port", 0, "--json", "-")
    log = tmp_path / "access.log"
    with started("serve", *words, "--workers", 2, "--access-log", log, cwd=tmp_path) as process:
        addresses = said(process)
        for _ in range(30):
            assert httpx.get(addresses["data"]).status_code == 502

        def shown() -> Any:
            return httpx.get(addresses["admin"] + "/api/snapshot").json()["routes"][0]

        eventually(lambda: shown()["requests"] == 30, "the snapshot shows all requests")
        run = addresses["runs"]["default"]
        recorded = f"{addresses['admin']}/api/runs/{run}"
        eventually(lambda: httpx.get(recorded).json()["requests"] == 30, "all are recorded")
        keys = ("requests", "delivered", "attempts", "rate_limited", "score")
        found = httpx.get(recorded).json()
        assert {key: found[key] for key in keys} == {key: shown()[key] for key in keys}
        attempts = httpx.get(f"{recorded}/attempts?limit=1000").json()["attempts"]
        assert len({each["request"] for each in attempts}) == 30
    assert len(log.read_text().splitlines()) == 30
