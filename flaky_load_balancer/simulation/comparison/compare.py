"""Compares strategies: thousands of replications in virtual time, shared among processes.

Replication r of every strategy plays the same fleet, a function of the seed and r, so all
comparisons are paired by fleet.  Replications are cut into blocks of a fixed size, each with its
own generator: results do not depend on how many processes there are.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.comparison.comparison import Cell, Comparison, Plan
from flaky_load_balancer.simulation.comparison.workers import Executor, cores, working
from flaky_load_balancer.simulation.engine.delayed import delayed
from flaky_load_balancer.simulation.engine.replicas import replicated
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.world import rules_of

SMALL = 500_000  # requests: less is played sooner than another process is started
Progress = Callable[[float], None]  # told what share of the work is done, from 0 to 1
Result = TypeVar("Result")


def compare(
    plan: Plan,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Play every strategy on every scenario.

    ``jobs`` processes share the work, or whoever the ``executor`` says: as many as there are cores,
    if nothing is said, and one where starting others would take longer than the work.
    """
    games = [
        _Game(name, scenario, *b)
        for name, scenario in product(plan.strategies, plan.scenarios)
        for b in plan.blocks(scenario)
    ]
    fleets = [(scenario, *b) for scenario in plan.scenarios for b in plan.bounded(scenario)]
    work = _Work(len(games) + len(fleets), progress)
    began = perf_counter()
    executor = executor or Executor(jobs=jobs)
    most = len(games) if executor.jobs else min(_sensible(plan), len(games))
    with working(executor.within(most)) as mapped:
        passed = work.passed if mapped is map else None  # other processes cannot tell us
        runs = work.done(mapped(partial(_play, plan, passed), games))
        played = perf_counter()
        limits = work.done(mapped(partial(_bounds, plan), fleets))
    ended = perf_counter()
    bound = {
        scenario.name: np.concatenate(
            [b for (s, *_), b in zip(fleets, limits, strict=True) if s is scenario]
        )
        for scenario in plan.scenarios
    }
    cells = []
    for strategy, scenario in product(plan.strategies, plan.scenarios):
        mine = [
            run for game, run in zip(games, runs, strict=True) if game[:2] == (strategy, scenario)
        ]
        cells.append(Cell(strategy, scenario.name, Run.joined(mine), bound[scenario.name]))
    return Comparison(plan, cells, ended - began, ended - played)


def _sensible(plan: Plan) -> int:
    requests = len(plan.strategies) * len(plan.scenarios) * plan.replications * plan.requests
    return max(1, min(cores(), requests // SMALL))


class _Work:
    """How much of the work is done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self.progress = total, progress
        self.finished = 0

    def done(self, results: Iterator[Result]) -> list[Result]:
        """All the results, counted as they come."""
        return [self._count(result) for result in results]

    def passed(self, share: float) -> None:
        """So much of what is being done is done."""
        if self.progress is not None:
            self.progress((self.finished + share) / self.total)

    def _count(self, result: Result) -> Result:
        self.finished += 1
        self.passed(0.0)
        return result


class _Game(NamedTuple):
    """A block of replications of one strategy on one scenario."""

    strategy: str
    scenario: Scenario
    first: int
    replications: int


def _play(plan: Plan, passed: Progress | None, game: _Game) -> Run:
    return played(plan, plan.strategies[game.strategy], *game[1:], passed=passed)


def played(  # noqa: PLR0917
    plan: Plan,
    strategy: Strategy,
    scenario: Scenario,
    first: int,
    replications: int,
    passed: Progress | None = None,
) -> Run:
    """What the strategy makes of so many fleets of the plan's seed, from the ``first`` on."""
    strategy = delayed(strategy, plan.feedback_delay, plan.feedback_batch)
    return simulate(
        replicated(strategy, plan.sharing, plan.seed),
        scenario,
        rules_of(scenario, plan.game.rules(scenario.servers)),
        requests=plan.requests,
        first=first,
        replications=replications,
        rate=plan.rate,
        seed=plan.seed,
        deadline=plan.game.deadline,
        attempt_timeout=plan.game.attempt_timeout,
        passed=passed,
    )


def _bounds(plan: Plan, fleets: tuple[Scenario, int, int]) -> Floats:
    scenario, first, count = fleets
    fleet = Fleet.draw(scenario, plan.seed, first=first, replications=count, rate=plan.rate)
    return bounds(
        Servers(fleet),
        plan.requests,
        rate=plan.rate,
        rules=rules_of(scenario, plan.game.rules(scenario.servers)),
        deadline=plan.game.deadline,
        attempt_timeout=plan.game.attempt_timeout,
    )
