"""Plays strategies on a world of contexts, one attempt a query, and keeps what every query brought.

Runs are paired: run r of every strategy meets the same queries in the same order, and what a server
would have answered to each of them is known, so that fixed choices and oracles are exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats, Ints, Rules
from flaky_load_balancer.registry import parse as strategy_of
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.engine.trace import Trace
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.scenarios.contexts import Contexts, Recorded
from flaky_load_balancer.simulation.scenarios.model import Failure, Latency, PerServer
from flaky_load_balancer.simulation.worlds.protocol import World
from flaky_load_balancer.simulation.worlds.table import read_answers
from flaky_load_balancer.simulation.worlds.world import world_of

WORLDS = Path(__file__).parent / "worlds"
RATE = 1.0  # queries per second: none is asked before the last one was answered


@dataclass(frozen=True)
class Setting:
    """A world, how often it is played, and what counts."""

    scenario: Scenario
    runs: int = 20
    queries: int = 2500
    seed: int = 0
    usd: float = 0.0  # utility = quality - usd x dollars
    attempts: int = 1  # of a query
    until_good: bool = False  # whether an answer that is worth less than a half has failed

    @property
    def rules(self) -> Rules:
        world = self.world
        return Rules(
            self.scenario.servers,
            free_attempts=self.attempts,
            max_attempts=self.attempts,
            features=world.d,
            tasks=world.marks,
            rewards=not self.until_good,
            usd=self.usd,
        )

    @cached_property
    def world(self) -> World:
        world = world_of(self.scenario, chance.seeds(self.seed, self.runs))
        assert world is not None  # a setting has contexts
        return world

    @cached_property
    def answers(self) -> "Answered":
        """What every server would have answered to every query."""
        rows = np.repeat(np.arange(self.runs), self.queries)
        count = np.tile(np.arange(1, self.queries + 1), self.runs)
        time = (count - 1) / RATE
        shape = self.runs, self.queries
        quality = np.empty((*shape, self.scenario.servers))
        cost = np.empty_like(quality)
        for server in range(self.scenario.servers):
            arm = np.full(len(rows), server)
            quality[:, :, server] = self.world.quality(rows, count, arm, time).reshape(shape)
            cost[:, :, server] = self.world.cost(rows, count, arm, time).reshape(shape)
        tasks = self.world.tasks(rows, count).reshape(shape)
        return Answered(quality, cost, tasks, quality - self.usd * cost)

    def play(self, strategy: str | Strategy) -> Trace:
        """What every query brought when a strategy chose."""
        chosen = strategy_of(strategy) if isinstance(strategy, str) else strategy
        trace = Trace(self.runs, self.queries)
        simulate(
            chosen,
            self.scenario,
            self.rules,
            requests=self.queries,
            replications=self.runs,
            rate=RATE,
            seed=self.seed,
            trace=trace,
            until_good=self.until_good,
        )
        return trace

    def utility(self, trace: Trace) -> Floats:
        """(runs, queries)"""
        return trace.reward - self.usd * trace.cost

    def __getstate__(self) -> dict[str, object]:
        """What other processes are sent: they find for themselves what follows from it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def but(self, **changes: object) -> "Setting":
        """The same setting with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Answered:
    """``quality``, ``cost`` and ``utility`` (runs, queries, K); ``task`` (runs, queries)."""

    quality: Floats
    cost: Floats
    task: Ints
    utility: Floats

    def fixed(self) -> Mapping[str, int]:
        """Servers that somebody would choose once and for all, by why they would."""
        quality, cost, utility = (
            table.mean(axis=(0, 1)) for table in (self.quality, self.cost, self.utility)
        )
        fixed = {"most accurate": int(quality.argmax()), "best single": int(utility.argmax())}
        if cost.max() > cost.min():
            fixed |= {"dearest": int(cost.argmax()), "cheapest": int(cost.argmin())}
        return fixed

    def task_oracle(self) -> Floats:
        """(runs, queries) the utility of the server that is best for each task on the whole."""
        best = np.zeros(int(self.task.max()) + 1, dtype=np.intp)
        for task in range(len(best)):
            mine = self.task == task
            if mine.any():
                best[task] = self.utility[mine].mean(axis=0).argmax()
        chosen: Floats = np.take_along_axis(self.utility, best[self.task][:, :, None], 2)[:, :, 0]
        return chosen

    def row_oracle(self) -> Floats:
        """(runs, queries) the utility of the best server of each query: luck, mostly."""
        best: Floats = self.utility.max(axis=2)
        return best


def recorded(file: Path, features: tuple[str, ...] = ("task",)) -> Scenario:
    """The world of a table of real answers."""
    servers = len(read_answers(file).models)
    never = (0.0,) * servers
    return Scenario(
        name=file.name.partition(".")[0],
        servers=servers,
        failure=Failure(PerServer(never, never)),
        latency=Latency(0.001, 0.0),
        contexts=Contexts(recorded=Recorded(file, features)),
    )
