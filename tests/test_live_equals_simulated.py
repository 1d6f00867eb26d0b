"""The dispatcher and the simulator play the same game, move for move.

The live dispatcher runs on an event loop whose time jumps; its servers are those of the
simulator, behind a ``send`` that sleeps for the latency.  Both drivers then have to ask the same
strategy the same questions at the same times, and tell it the same answers: with requests in
flight at once, refusals, holds, attempts and requests that run out of time, clients that hang up
(which withdraws what was promised to them), and servers that are down, slow or hang.

Timeouts and deadlines are odd numbers: two events of one instant have no order to agree on.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import pytest

from flaky_load_balancer.core.balancer import ROW, Balancer
from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.strategy import Informed, Strategy, Truth
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Context,
    Feedback,
    Floats,
    Ints,
    Outcome,
    Reward,
    Rules,
)
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.carrier import Whole
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.outcomes import Answer, Worth
from flaky_load_balancer.proxy.request import Policy
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.engine.truth import FleetTruth
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.world import rules_of, world_of
from strategies import STRATEGIES
from strategies.fanout import Fanout
from tests.clock import run_in_virtual_time

SEEDS = range(2)

OVERLAPPING = """
name = "overlapping"
servers = 8
failure.uniform = [0.1, 0.6]
latency = { median = 0.3, sigma = 0.5 }
limit = { kind = "sliding-window", window = 1.0, uniform = [1, 3], retry_after = true }
"""

QUOTA = """
name = "quota-with-retry-after"
servers = 5
failure.uniform = [0.1, 0.6]
limit = { kind = "fixed-window", window = 7.0, uniform = [2, 9], retry_after = true }
"""

TROUBLED = """
name = "troubled"
servers = 6
failure.uniform = [0.1, 0.6]
latency = { median = 0.05, sigma = 1.0 }

[limit]
kind = "token-bucket"
window = 1.0
uniform = [2, 6]
burst = 2

[limit.motion]
kind = "walk"
amplitude = 0.8
period = [2.0, 9.0]

[[faults]]
servers = [0, 1]
from = 0.5
to = 3.0
kind = "hang"

[[faults]]
servers = [2]
from = 1.0
to = 4.0
kind = "down"

[[faults]]
servers = [3, 4]
from = 0.0
to = 2.0
kind = "slow"
delay = 0.4

[[faults]]
servers = [5]
from = 2.0
to = 5.0
kind = "error"
rate = 0.9

[[faults]]
servers = [4]
from = 2.0
to = 5.0
kind = "garbage"
"""


CONTEXTS = """
name = "contexts"
servers = 5
failure.uniform = [0.0, 0.3]
latency = { median = 0.2, sigma = 0.5 }
limit = { kind = "sliding-window", window = 1.0, uniform = [2, 4] }

[tasks]
math = 0.6
chat = 0.4
[tasks.features]
d = 5
noise = 0.3
[quality]
math = [0.9, 0.2, 0.6, 0.5, 0.1]
chat = [0.2, 0.9, 0.4, 0.6, 0.7]
[cost]
usd = [0.01, 0.001, 0.002, 0.005, 0.0001]
sigma = 0.5

[[faults]]
servers = [0, 1]
from = 1.5
to = 3.0
kind = "quality"
factor = 0.1

[[faults]]
servers = [2]
from = 1.0
to = 4.0
kind = "price"
factor = 5.0
"""


@dataclass
class Game:
    """What is played, and with how much patience; times in seconds."""

    scenario: Scenario
    requests: int = 32
    rate: float = 8.0
    deadline: float = 9.7313
    attempt_timeout: float = 1.9371
    hang_up: bool = False

    @property
    def rules(self) -> Rules:
        return rules_of(self.scenario, Rules(self.scenario.servers))

    @property
    def patience(self) -> Floats:
        """(requests,) seconds: every third client hangs up, sooner or later."""
        k = np.arange(self.requests)
        return np.where(self.hang_up & (k % 3 == 1), 0.0413 + 0.1713 * (k % 8), np.inf)


def _written(text: str) -> Scenario:
    return scenarios.parse(text, source="test")


GAMES = {
    "T1": Game(scenarios.find("T1")),
    "T2": Game(scenarios.find("T2")),
    "T3-low": Game(scenarios.find("T3-low")),
    "T2-tight": Game(scenarios.find("T2-tight")),
    "quota": Game(_written(QUOTA)),
    "outage": Game(scenarios.find("outage")),
    "slow": Game(scenarios.find("slow"), attempt_timeout=0.5371),
    "hang": Game(scenarios.find("hang"), deadline=5.0131),
    "troubled": Game(_written(TROUBLED), deadline=2.1513, attempt_timeout=0.7371),
    "overlapping": Game(_written(OVERLAPPING), deadline=1.9513, attempt_timeout=0.7371),
    "accounts": Game(scenarios.find("accounts")),
    "tokens": Game(scenarios.find("tokens"), rate=16.0),
    "contexts": Game(_written(CONTEXTS)),
    "judged-later": Game(_written(CONTEXTS + "[delay]\nreward = 1.3719\n")),
    "impatient": Game(_written(OVERLAPPING), requests=48, rate=12.0, hang_up=True),
}

ALWAYS = {"cascade", "v4"}  # that play every game also where there is little time


def _pairs() -> Iterator[Any]:
    """Every strategy in every game; two games of each, in turn, are not slow."""
    for turn, strategy in enumerate(STRATEGIES):
        for at, game in enumerate(GAMES):
            quick = strategy in ALWAYS or at in {turn % len(GAMES), (turn + 7) % len(GAMES)}
            yield pytest.param(strategy, game, marks=() if quick else pytest.mark.slow)


PAIRS = list(_pairs())


@dataclass
class Hesitant(Strategy):
    """Takes any server, often only after a while, and sometimes none at all."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.arms, self.rng = rules.arms, rng
        self.rested = np.zeros(replications)

    def select(self, context: Context) -> Action:
        n = len(context.rows)
        arm = self.rng.integers(self.arms, size=n)
        arm[self.rng.random(n) < 0.03] = GIVE_UP
        early = context.now < self.rested[context.rows]
        arm[early | (self.rng.random(n) < 0.2)] = HOLD
        return Action(arm, context.now + self.rng.random(n))

    def observe(self, feedback: Feedback) -> None:
        refused = feedback.outcome == Outcome.RATE_LIMITED
        asked = np.nan_to_num(feedback.retry_after, nan=0.1)
        self.rested[feedback.rows[refused]] = (feedback.now + asked)[refused]


@dataclass
class Recorded(Strategy):
    """Remembers every question that another strategy is asked and everything that it is told."""

    inner: Strategy

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.moves: list[tuple[Any, ...]] = []
        self.inner.reset(rules, replications, rng)

    def select(self, context: Context) -> Action:
        action = self.inner.select(context)
        until = np.full(1, np.nan) if action.until is None else action.until
        held = int(action.arm[0]) == HOLD
        self.moves.append(
            (
                *("asked", _time(context.now), int(context.attempt[0])),
                *(_time(context.deadline), context.tried[0].tolist()),
                *("answered", int(action.arm[0]), _time(until) if held else None),
                *(int(context.request[0]), int(context.left[0]), context.available[0].tolist()),
                *(_time(context.size), _told(context.features)),
            )
        )
        return action

    def observe(self, feedback: Feedback) -> None:
        self.moves.append(
            (
                *("told", _time(feedback.now), int(feedback.arm[0])),
                *(Outcome(feedback.outcome[0]).label, _time(feedback.latency)),
                *(_time(feedback.retry_after), int(feedback.request[0]), int(feedback.attempt[0])),
                *(_time(feedback.size), _time(feedback.cost), _told(feedback.features)),
            )
        )
        self.inner.observe(feedback)

    def reward(self, reward: Reward) -> None:
        self.moves.append(
            (
                *("rewarded", _time(reward.now), int(reward.arm[0]), float(reward.value[0])),
                *(int(reward.request[0]), np.isnan(reward.previous[0])),
                _told(reward.features),
            )
        )
        self.inner.reward(reward)

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        self.moves.append(("withdrawn", int(requests[0])))
        self.inner.withdraw(rows, requests)


@dataclass
class RecordedInformed(Recorded, Informed):
    """As Recorded, of a strategy that is told the truth."""

    def know(self, truth: Truth) -> None:
        assert isinstance(self.inner, Informed)
        self.inner.know(truth)


def recorded(strategy: Strategy) -> Recorded:
    return (RecordedInformed if isinstance(strategy, Informed) else Recorded)(strategy)


def _told(features: Floats | None) -> list[float] | None:
    return None if features is None else features[0].tolist()


def _time(seconds: Floats) -> str:
    """To a nanosecond."""
    return f"{seconds[0]:.9f}"


def played_live(strategy: Strategy, game: Game, seed: int) -> dict[str, Any]:
    """Play in virtual time with the live dispatcher; the numbers of the run."""
    events: list[Event] = []

    async def play() -> None:
        loop = asyncio.get_running_loop()
        balancer = Balancer(strategy, game.rules, np.random.default_rng(seed))
        servers = Servers(Fleet.draw(game.scenario, seed, rate=game.rate))
        world = world_of(game.scenario, servers.fleet.seeds)
        after = 0.0 if game.scenario.contexts is None else game.scenario.contexts.reward_delay
        if isinstance(strategy, Informed):
            within = min(game.attempt_timeout, game.deadline)
            truth = FleetTruth(servers, within=within, rate=game.rate, requests=game.requests)
            strategy.know(truth)

        async def send(attempt: Attempt, request_id: str) -> Answer:
            size = None if attempt.size is None else np.array([attempt.size])
            response = servers.respond(ROW, np.array([attempt.arm]), np.array([loop.time()]), size)
            if response.latency[0] == np.inf:
                await loop.create_future()
            await asyncio.sleep(response.latency[0])
            if world is not None and response.outcome[0] == Outcome.SUCCEEDED:
                t = np.array([loop.time()]) - servers.origin
                about = ROW, np.array([int(request_id)]), np.array([attempt.arm]), t
                quality, attempt.cost = world.quality(*about).item(), world.cost(*about).item()
                attempt.worth = Worth(quality, after)
            return Answer(Outcome(response.outcome[0]), response.retry_after[0])

        async def deliver_at(k: int, patience: float) -> None:
            when = k / game.rate
            size = None
            if game.scenario.size is not None:
                size = float(servers.fleet.sizes(ROW, np.array([k + 1]))[0])
            due = loop.create_future()
            loop.call_at(when, due.set_result, None)
            await due
            name = f"{k + 1:024}"
            features = None if world is None else world.features(ROW, np.array([k + 1]))
            delivering = dispatcher.deliver(
                name, Whole(send, name, size), size=size, features=features
            )
            delivery = asyncio.ensure_future(delivering)
            if patience < np.inf:
                loop.call_at(when + patience, delivery.cancel)
            await asyncio.wait([delivery])

        policy = Policy(game.deadline, game.attempt_timeout)
        dispatcher = Dispatcher(balancer, loop.time, events.append, policy)
        clients = enumerate(game.patience.tolist())
        await asyncio.gather(*(deliver_at(k, patience) for k, patience in clients))
        await asyncio.sleep(2.0 * after)

    run_in_virtual_time(play())
    return Tally.of(events, game.rules).run()


def played_simulated(strategy: Strategy, game: Game, seed: int) -> dict[str, Any]:
    """Play in the simulator; the numbers of the run under the same names."""
    run = simulate(
        strategy,
        game.scenario,
        game.rules,
        requests=game.requests,
        replications=1,
        rate=game.rate,
        seed=seed,
        deadline=game.deadline,
        attempt_timeout=game.attempt_timeout,
        patience=game.patience,
    )
    names = "score", "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"
    shares = {"p50": 0.50, "p99": 0.99}
    latency = {name: 1000 * (run.latency.quantile(share) or 0) for name, share in shares.items()}
    numbers = {name: getattr(run, name)[0] for name in names}
    return {"requests": run.requests, **numbers, "latency_ms": latency}


def assert_equal(strategy: type[Strategy], game: Game, seed: int) -> list[tuple[Any, ...]]:
    """Both drivers make the same moves and come to the same numbers; the moves."""
    live, simulated = recorded(strategy()), recorded(strategy())
    live_numbers = played_live(live, game, seed)
    numbers = played_simulated(simulated, game, seed)
    for mine, its in zip(simulated.moves, live.moves, strict=False):
        assert mine == its
    assert len(simulated.moves) == len(live.moves)
    assert numbers == {name: live_numbers[name] for name in numbers}
    return live.moves


@pytest.mark.parametrize(("strategy", "game"), PAIRS)
def test_both_drivers_make_the_same_moves(strategy: str, game: str) -> None:
    for seed in SEEDS:
        assert_equal(STRATEGIES[strategy], GAMES[game], seed)


@pytest.mark.parametrize("game", GAMES)
def test_also_with_holds_and_giving_up(game: str) -> None:
    for seed in range(3):
        assert_equal(Hesitant, GAMES[game], seed)


@pytest.mark.parametrize("game", ["overlapping", "troubled", "contexts"])
def test_also_with_attempts_that_begin_beside_others_later(game: str) -> None:
    hedged = partial(Fanout, cost=0.0, most=3, after=0.1037)
    for seed in range(3):
        moves = assert_equal(cast("type[Strategy]", hedged), GAMES[game], seed)
        assert any(Outcome.CANCELLED.label in move for move in moves)


def test_the_games_have_everything_in_them() -> None:
    """Else equality would say little."""
    moves = [move for game in GAMES.values() for move in assert_equal(Hesitant, game, 7)]
    answers = {move[6] for move in moves if move[0] == "asked"}
    assert {HOLD, GIVE_UP, 0, 9} <= answers
    told = [move for move in moves if move[0] == "told"]
    assert {move[3] for move in told} == {outcome.label for outcome in Outcome}
    assert any(move[5] != "nan" for move in told)
    assert any(move[0] == "withdrawn" for move in moves)
    assert {move[3] for move in moves if move[0] == "rewarded"} == {0.0, 1.0}
    assert max(move[2] for move in moves if move[0] == "asked") > Rules(1).free_attempts + 1


def test_cascade_is_told_of_clients_that_hang_up_while_held() -> None:
    moves = assert_equal(STRATEGIES["cascade"], GAMES["impatient"], 0)
    assert any(move[0] == "withdrawn" for move in moves)


@pytest.mark.parametrize("late", [0.0007, 0.002])
def test_timers_that_are_late_make_no_refusals(
    late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was promised for a time is sent a moment after it, and is one admission, not two."""
    chance, in_time = np.random.default_rng(1), Dispatcher._hold

    async def hold(self: Dispatcher, until: float) -> None:
        await in_time(self, until)
        await asyncio.sleep(chance.exponential(late))

    game = Game(scenarios.find("T2"), requests=240, rate=90.0)
    exact = played_live(STRATEGIES["cascade"](), game, 0)
    monkeypatch.setattr(Dispatcher, "_hold", hold)
    found = played_live(STRATEGIES["cascade"](), game, 0)
    assert found["rate_limited"] < exact["rate_limited"] + 30
    assert found["delivered"] > 0.97 * exact["delivered"]
