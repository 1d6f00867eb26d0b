"""A route whose servers are a function, for tests of the planes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import Outcome, Rules
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.carrier import Whole
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.request import Policy, Request
from flaky_load_balancer.proxy.route import Route
from tests.scripted import Scripted

SERVERS = [f"http://127.0.0.1:{port}" for port in (4000, 4001, 4002)]
ID = "Ab1" * 8

Send = Callable[[int, str], Awaitable[Answer]]


def answering(*answers: Outcome | Answer, after: float = 0.0) -> Send:
    """Servers that answer these, in turn."""
    fates = iter(answers)

    async def send(arm: int, request_id: str) -> Answer:
        await asyncio.sleep(after)
        fate = next(fates)
        return fate if isinstance(fate, Answer) else Answer(fate)

    return send


def route(
    send: Send,
    strategy: Strategy | Iterable[int] = (0,) * 1000,
    *,
    name: str = "v4-T1",
    path: str = "/",
    deadline: float = 10.0,
    attempt_timeout: float = 2.0,
) -> Route:
    """A route over three servers; ``strategy`` may be the moves of a scripted one."""
    if not isinstance(strategy, Strategy):
        strategy = Scripted(strategy)
    rules = Rules(arms=3)
    balancer = Balancer(strategy, rules, np.random.default_rng(0), slots=8)
    tally = Tally(rules)
    dispatcher = Dispatcher(
        balancer,
        lambda: asyncio.get_running_loop().time(),
        tally.add,
        Policy(deadline, attempt_timeout),
        names=SERVERS,
    )

    async def attempted(attempt: Attempt, request_id: str) -> Answer:
        return await send(attempt.arm, request_id)

    return Route(name, path, "v4", None, SERVERS, balancer, dispatcher, tally, send=attempted)


async def deliver(route: Route) -> Request:
    """One request of the game."""
    return await route.dispatcher.deliver(ID, Whole(route.send, ID))
