"""A route as people see it: how much of it is sent, and that nothing is lost on the way."""

import asyncio
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.admin import schemas
from flaky_load_balancer.admin.views import LISTED, SHOWN, View
from flaky_load_balancer.config import Game
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.events import Attempt
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import Outcome, Rules
from flaky_load_balancer.proxy.attempt import Attempt as AttemptOfOne
from flaky_load_balancer.proxy.carrier import Whole
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.request import Policy
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.bounds.known import known
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from strategies import STRATEGIES
from tests.clock import run_in_virtual_time

KILOBYTE = 1024


async def raced(strategy: str, name: str, requests: int) -> Route:
    """A route of a race, after so many requests."""
    game, clock = Game(), asyncio.get_running_loop().time
    scenario = scenarios.find(name)
    servers = Servers(Fleet.draw(scenario, 3))
    fleet = known(scenario, 3, game, 10.0, requests)
    row = np.zeros(1, dtype=np.intp)

    async def send(attempt: AttemptOfOne, request_id: str) -> Answer:
        response = servers.respond(row, np.array([attempt.arm]), np.array([clock()]))
        await asyncio.sleep(float(response.latency[0]))
        return Answer(Outcome(response.outcome[0]))

    rules = game.rules(scenario.servers)
    balancer = Balancer(registry.built_in(strategy), rules, np.random.default_rng(0))
    tally = Tally(rules, fleet.bound)
    dispatcher = Dispatcher(balancer, clock, tally.add, Policy(10.0, 2.0))
    for _ in range(requests):
        await dispatcher.deliver("a" * 24, Whole(send, "a" * 24))
        await asyncio.sleep(0.1)
    urls = [f"http://127.0.0.1:{5000 + arm}" for arm in range(scenario.servers)]
    route = f"{strategy}-{name}", f"/{strategy}/{name}"
    return Route(*route, strategy, name, urls, balancer, dispatcher, tally)


def test_a_frame_of_sixty_routes_is_below_sixty_kilobytes() -> None:
    async def race() -> int:
        frames = [
            View(await raced(strategy, name, 100)).frame(asyncio.get_running_loop().time())
            for strategy, name in zip(STRATEGIES, cycle(scenarios.ALL), strict=False)
        ]
        return len(orjson.dumps({"time": 1795347646.123456, "routes": frames}))

    assert run_in_virtual_time(race()) * 60 / len(STRATEGIES) < 60_000


def test_rounding_does_not_touch_what_is_counted() -> None:
    async def play() -> None:
        route = await raced("v4", "T2", 50)
        run, frame = route.tally.run(), View(route).frame(0.0)
        for key in ("requests", "delivered", "given_up", "attempts", "paid_attempts", "score"):
            assert frame[key] == run[key]
        assert abs(frame["regret"] - run["regret"]) <= 0.05
        assert abs(frame["bound"] - frame["score"] - frame["regret"]) < 0.11

    run_in_virtual_time(play())


def test_servers_that_wait_say_until_when() -> None:
    async def play() -> None:
        route = await raced("v8", "T3-low", 30)
        now = asyncio.get_running_loop().time()
        until = View(route).frame(now)["servers"]["until"]
        assert any(until)
        assert all(time == 0 or now < time <= now + 20.1 for time in until)

    run_in_virtual_time(play())


def large(servers: int, strategy: str = "v6") -> Route:
    """A route with a large pool, on whose first servers an attempt each has failed."""
    rules = Rules(servers)
    balancer = Balancer(registry.built_in(strategy), rules, np.random.default_rng(0), slots=4)
    tally = Tally(rules)
    for arm in range(20):
        tally.add(Attempt(1 + arm, 1, arm, Outcome.FAILED, 100.0, 0.5, "timeout"))
    for arm in range(servers):
        tally.add(Attempt(100 + arm, 1, arm, Outcome.SUCCEEDED, 1.0, 0.5))

    names = [f"http://10.0.{arm // 256}.{arm % 256}:8080" for arm in range(servers)]
    dispatcher = Dispatcher(balancer, lambda: 101.0, tally.add, names=names)
    return Route("orders", "/orders", strategy, None, names, balancer, dispatcher, tally)


def test_a_frame_of_ten_thousand_servers_has_the_top_and_the_sum_of_the_others() -> None:
    route = large(10_000)
    states: dict[int, str] = {9_000: "draining", 9_001: "down"}
    servers: list[Any] = [SimpleNamespace(state=states.get(arm)) for arm in range(10_000)]
    route.dispatcher.servers = servers
    route.dispatcher.not_before[9_500] = 120.0
    encoded = orjson.dumps({"time": 101.0, "routes": [View(route).frame(101.0)]})
    assert len(encoded) < 60 * KILOBYTE
    (shown,) = schemas.Frame.model_validate_json(encoded).routes
    columns, others = shown.servers, shown.others
    assert others is not None
    assert len(columns.server) + others.servers == 10_000
    assert len(columns.server) == SHOWN
    assert sum(columns.attempts) + others.attempts == shown.attempts == 10_020
    assert sum(columns.succeeded) + others.succeeded == 10_000
    by_name = dict(zip(columns.server, columns.state, strict=True))
    for arm, state in ((9_000, "draining"), (9_001, "down"), (9_500, "ejected"), (3, "up")):
        assert by_name[route.servers[arm]] == state
    assert columns.reason[:20] == ["timeout"] * 20
    assert columns.reason_time[0] == 100.5
    assert sum(columns.share) == pytest.approx(1.0)


def test_a_server_of_a_large_pool_that_failed_and_is_avoided_since_is_still_shown() -> None:
    route = large(10_000)
    route.tally.add(Attempt(1, 1, 9_999, Outcome.FAILED, 990.0, 0.5, "refused"))
    columns = View(route).frame(1100.0)["servers"]  # of the last seconds nobody has a share
    assert set(columns["share"]) == {0}
    assert columns["reason"][columns["server"].index(route.servers[9_999])] == "refused"


def test_the_detail_of_a_large_pool_is_bounded_and_its_servers_can_be_searched() -> None:
    view = View(large(10_000))
    view.route.truth = [0.5] * 10_000
    detail = schemas.RouteDetail.model_validate_json(orjson.dumps(view.detail(101.0)))
    assert len(detail.servers.server) == LISTED == len(detail.beliefs["mean"])
    assert len(detail.truth or ()) == LISTED
    found = schemas.ServerColumns.model_validate_json(orjson.dumps(view.found(101.0, "10.0.7.2:")))
    assert found.server == ["http://10.0.7.2:8080"]
    assert len(view.found(101.0, "HTTP")["server"]) == LISTED
    assert view.found(101.0, "nothing")["server"] == []


def test_decisions_of_a_large_pool_have_the_indices_of_the_chosen() -> None:
    async def send(attempt: AttemptOfOne, request_id: str) -> Answer:
        return Answer(Outcome.SUCCEEDED)

    async def play() -> None:
        view = View(large(10_000, "v4"))
        for _ in range(3):
            await view.route.dispatcher.deliver("a" * 24, Whole(send, "a" * 24))
        found = view.decisions(list(view.route.dispatcher.decisions))
        chosen = {decision["server"] for decision in found["decisions"]}
        assert set(found["servers"]) == chosen
        assert all(len(each["index"]) == len(chosen) for each in found["decisions"])

    asyncio.run(play())


def test_a_frame_of_a_scenario_does_not_say_why_servers_fail_and_the_detail_does() -> None:
    route = large(3 + 20)
    assert {"state", "reason", "reason_time"} <= View(route).frame(101.0)["servers"].keys()
    route.scenario = "T1"
    assert "reason" not in View(route).frame(101.0)["servers"]
    assert View(route).detail(101.0)["servers"]["reason"][:3] == ["timeout"] * 3


def test_a_server_that_refused_is_cooling() -> None:
    route = large(30)
    route.dispatcher.not_before[:2] = [110.0, 110.0]
    route.tally.add(Attempt(1, 1, 0, Outcome.RATE_LIMITED, 100.0, 0.01))
    assert View(route).frame(101.0)["servers"]["state"][:3] == ["cooling", "ejected", "up"]
