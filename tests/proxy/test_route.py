"""A route as people see it: how much of it is sent, and that nothing is lost on the way."""

import asyncio
from itertools import cycle

import numpy as np
import orjson

from flaky_load_balancer import registry
from flaky_load_balancer.config import Game
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.dispatcher import Answer, Dispatcher
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

    async def send(arm: int, request_id: str) -> Answer:
        response = servers.respond(row, np.array([arm]), np.array([clock()]))
        await asyncio.sleep(float(response.latency[0]))
        return Answer(Outcome(response.outcome[0]))

    rules = game.rules(scenario.servers)
    balancer = Balancer(registry.built_in(strategy), rules, np.random.default_rng(0))
    tally = Tally(rules, fleet.bound)
    dispatcher = Dispatcher(balancer, send, clock, tally.add)
    for _ in range(requests):
        await dispatcher.deliver("a" * 24)
        await asyncio.sleep(0.1)
    urls = [f"http://127.0.0.1:{5000 + arm}" for arm in range(scenario.servers)]
    route = f"{strategy}-{name}", f"/{strategy}/{name}"
    return Route(*route, strategy, name, urls, balancer, dispatcher, tally)


def test_a_frame_of_sixty_routes_is_below_sixty_kilobytes() -> None:
    async def race() -> int:
        frames = [
            (await raced(strategy, name, 100)).frame(asyncio.get_running_loop().time())
            for strategy, name in zip(STRATEGIES, cycle(scenarios.ALL), strict=False)
        ]
        return len(orjson.dumps({"time": 1795347646.123456, "routes": frames}))

    assert run_in_virtual_time(race()) * 60 / len(STRATEGIES) < 60 * KILOBYTE


def test_rounding_does_not_touch_what_is_counted() -> None:
    async def play() -> None:
        route = await raced("v4", "T2", 50)
        run, frame = route.tally.run(), route.frame(0.0)
        for key in ("requests", "delivered", "given_up", "attempts", "paid_attempts", "score"):
            assert frame[key] == run[key]
        assert abs(frame["regret"] - run["regret"]) <= 0.005
        assert abs(frame["bound"] - frame["score"] - frame["regret"]) < 0.011

    run_in_virtual_time(play())


def test_servers_that_wait_say_until_when() -> None:
    async def play() -> None:
        route = await raced("v8", "T3-low", 30)
        now = asyncio.get_running_loop().time()
        until = route.frame(now)["servers"]["until"]
        assert any(until)
        assert all(time == 0 or now < time <= now + 20.1 for time in until)
        waits = [time - now if time else 0.0 for time in until]
        assert abs(route.wakes_in(now) - min(waits)) < 0.06
        route.dispatcher.not_before = [now + 30.0 + arm for arm in range(10)]
        assert abs(route.wakes_in(now) - 30.0) < 1e-6

    run_in_virtual_time(play())
