"""The second driver: R replications of one strategy on one scenario, in virtual time.

The first is the dispatcher, in real time; both make the same moves (a test holds them together).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.strategy import Informed, Strategy
from flaky_load_balancer.core.types import Floats, Ints, Rules
from flaky_load_balancer.simulation.engine.contexts import Contexts
from flaky_load_balancer.simulation.engine.lockstep import Lockstep
from flaky_load_balancer.simulation.engine.replicas import told
from flaky_load_balancer.simulation.engine.trace import Trace
from flaky_load_balancer.simulation.engine.truth import FleetTruth
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.world import world_of

COLUMNS = 4  # for requests in flight, at first
TELLING = 256  # passes between two words of progress


@dataclass(frozen=True, slots=True)
class Run:
    """What R replications of one strategy on one scenario came to; arrays are (R,)."""

    requests: int
    score: Floats
    steady_score: Floats  # if all requests had gone as those that arrived in the last half
    delivered: Ints
    given_up: Ints
    attempts: Ints
    paid_attempts: Ints
    rate_limited: Ints
    shared_bytes: Floats  # for each request, that replicas told each other
    latency: Histogram  # of the requests of all replications

    @classmethod
    def joined(cls, runs: Sequence["Run"]) -> "Run":
        """Runs of other replications as one."""
        arrays = {
            name: np.concatenate([getattr(run, name) for run in runs])
            for name in cls.__annotations__
            if name not in {"requests", "latency"}
        }
        latency = Histogram()
        for run in runs:
            latency.merge(run.latency)
        return cls(runs[0].requests, **arrays, latency=latency)


def simulate(
    strategy: Strategy,
    scenario: Scenario,
    rules: Rules,
    *,
    requests: int = 100,
    first: int = 0,
    replications: int = 1000,
    rate: float = 10.0,
    seed: int = 0,
    deadline: float = 10.0,
    attempt_timeout: float = 2.0,
    patience: Floats | None = None,
    passed: Callable[[float], None] | None = None,
    trace: Trace | None = None,
    until_good: bool = False,
) -> Run:
    """Play the fleets of replications ``first`` to ``first + R - 1`` until every request has left.

    Request k arrives at k / rate seconds, whatever became of the others.  The same seed, ``first``
    and R give the same run.  ``passed`` is told now and then what share of the requests has
    arrived.  ``patience`` (requests,) is after how many seconds the client of each request hangs
    up, in all replications alike; without it they wait for ever.  ``trace`` keeps what every
    request brought, where the scenario has contexts; with ``until_good`` an answer there that is
    worth less than a half counts as failed.
    """
    fleet = Fleet.draw(scenario, seed, first=first, replications=replications, rate=rate)
    rng = np.random.default_rng([seed, first])
    balancer = Balancer(strategy, rules, rng, replications=replications, slots=COLUMNS)
    servers = Servers(fleet)
    contexts = _contexts(scenario, fleet, balancer, requests, trace=trace, until_good=until_good)
    if isinstance(strategy, Informed):
        within = min(attempt_timeout, deadline)
        strategy.know(FleetTruth(servers, within=within, rate=rate, requests=requests))
    game = Lockstep(
        balancer,
        servers,
        rate=rate,
        requests=requests,
        deadline=deadline,
        attempt_timeout=attempt_timeout,
        patience=patience,
        contexts=contexts,
    )
    passes = 0
    while game.step():
        passes += 1
        if passed is not None and passes % TELLING == 0:
            passed(game.share)
    return _run(game, requests)


def _contexts(
    scenario: Scenario, fleet: Fleet, balancer: Balancer, requests: int, **options: Any
) -> Contexts | None:
    world = world_of(scenario, fleet.seeds)
    if world is None or scenario.contexts is None:
        return None
    delay = scenario.contexts.reward_delay
    return Contexts(world, balancer, requests, delay=delay, **options)


def _run(game: Lockstep, requests: int) -> Run:
    """What a game that is over came to."""
    game.count_latencies()
    balancer = game.balancer
    return Run(
        requests=requests,
        score=game.score,
        steady_score=game.late_score * requests / (requests - requests // 2),
        delivered=balancer.delivered,
        given_up=requests - balancer.delivered,
        attempts=game.attempts,
        paid_attempts=balancer.paid_attempts,
        rate_limited=game.rate_limited,
        shared_bytes=told(balancer.strategy, len(game.score)) / requests,
        latency=game.latency,
    )
