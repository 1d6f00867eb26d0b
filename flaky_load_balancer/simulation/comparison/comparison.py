"""A comparison of strategies: what is to be played, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flaky_load_balancer.config import Game
from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.strategy import Informed, Strategy
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.registry import hyperparameters
from flaky_load_balancer.simulation.comparison.intervals import Estimate, Standing, ranked
from flaky_load_balancer.simulation.comparison.sentences import sentence
from flaky_load_balancer.simulation.engine.replicas import NEVER, Sharing
from flaky_load_balancer.simulation.engine.simulator import Run
from flaky_load_balancer.simulation.scenarios import Scenario

BLOCK = 1000  # replications that are played together, at most
ENTRIES = 400_000  # requests in flight that a block has room for, whatever the rate
SERVERS = 100  # of a fleet; with more, a block is smaller by as much, so that it takes no more room
BOUNDED = 100  # fleets that the bound is computed for, where it takes a programme for each
BOUNDED_AT_ONCE = 25

COUNTS = "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"


@dataclass(frozen=True)
class Plan:
    """What is compared: strategies by the names that results show, on scenarios."""

    strategies: Mapping[str, Strategy]
    scenarios: Sequence[Scenario]
    requests: int = 100
    replications: int = 1000
    rate: float = 10.0
    seed: int = 0
    game: Game = field(default_factory=Game)
    feedback_delay: float = 0.0  # seconds until a strategy learns how an attempt ended, and
    feedback_batch: int = 1  # with how many others at once
    sharing: Sharing = field(default_factory=Sharing)  # among replicas

    def block(self, scenario: Scenario) -> int:
        """How many replications of this scenario are played together."""
        in_flight = min(self.requests, self.rate * self.game.deadline + 1)
        larger = max(1.0, scenario.servers / SERVERS)
        return max(1, int(min(BLOCK, ENTRIES / in_flight) / larger))

    def blocks(self, scenario: Scenario) -> list[tuple[int, int]]:
        """The first replication of each block, and how many it has."""
        size = self.block(scenario)
        firsts = range(0, self.replications, size)
        return [(first, min(size, self.replications - first)) for first in firsts]

    def bounded(self, scenario: Scenario) -> list[tuple[int, int]]:
        """As ``blocks``, of the replications whose fleets the bound is computed for."""
        dear = bool(scenario.limits)
        count = min(self.replications, BOUNDED) if dear else self.replications
        firsts = range(0, count, BOUNDED_AT_ONCE if dear else BLOCK)
        return [(first, min(firsts.step, count - first)) for first in firsts]


@dataclass(frozen=True)
class Cell:
    """One strategy on one scenario; ``bound`` (B,) is that of the first B fleets.

    ``scenario`` None is the mean of all of them.
    """

    strategy: str
    scenario: str | None
    run: Run
    bound: Floats

    @property
    def score(self) -> Estimate:
        return Estimate.of(self.run.score)

    @property
    def steady_score(self) -> Estimate:
        """As if all requests had gone as those of the last half, when the start is forgotten."""
        return Estimate.of(self.run.steady_score)

    @property
    def regret(self) -> Estimate:
        return Estimate.of(self.bound - self.run.score[: len(self.bound)])

    def latency_ms(self, share: float) -> float | None:
        seconds = self.run.latency.quantile(share)
        return None if seconds is None else 1000 * seconds

    def result(self) -> dict[str, Any]:
        """The cell under the names of the contract."""
        return {
            "strategy": self.strategy,
            "scenario": self.scenario,
            "score": self.score.json(),
            "steady_score": self.steady_score.json(),
            "regret": self.regret.json(),
            "bound": {"mean": float(self.bound.mean())},
            **{name: {"mean": float(getattr(self.run, name).mean())} for name in COUNTS},
            "shared_bytes": {"mean": float(self.run.shared_bytes.mean())},
            "latency_ms": {"p50": self.latency_ms(0.50), "p99": self.latency_ms(0.99)},
        }


@dataclass(frozen=True)
class Comparison:
    """What came of a plan."""

    plan: Plan
    cells: Sequence[Cell]
    seconds: float  # that everything took
    bound_seconds: float  # that the bounds took of these

    def on(self, scenario: str | None) -> list[Cell]:
        return self.overall() if scenario is None else self._of("scenario", scenario)

    def overall(self) -> list[Cell]:
        """Each strategy on all scenarios: replication by replication, the mean of them."""
        names = self.plan.strategies
        return [_mean(name, self._of("strategy", name)) for name in names]

    def standings(self, scenario: str | None) -> list[Standing]:
        """The best first, on one scenario or on all; before them who knows the servers."""
        told = {name for name, each in self.plan.strategies.items() if isinstance(each, Informed)}
        return ranked({cell.strategy: cell.run.score for cell in self.on(scenario)}, told)

    def verdict(self, scenario: str | None) -> str:
        """What the comparison comes to, on one scenario or on all, in a sentence."""
        p99_ms = {cell.strategy: cell.latency_ms(0.99) for cell in self.on(scenario)}
        return sentence(self.standings(scenario), self.plan.replications, p99_ms)

    def result(self) -> dict[str, Any]:
        """The comparison under the names of the contract, with differences to the best."""
        plan = self.plan
        scenarios: list[str | None] = [scenario.name for scenario in plan.scenarios]
        standings = {name: self.standings(name) for name in [*scenarios, None]}
        standing = {(s, x.name): x for s, ranks in standings.items() for x in ranks}
        return {
            "seed": plan.seed,
            "replications": plan.replications,
            "requests": plan.requests,
            "feedback_delay": plan.feedback_delay,
            "feedback_batch": plan.feedback_batch,
            "replicas": plan.sharing.replicas,
            "share_delay": None if plan.sharing.delay == NEVER else plan.sharing.delay,
            "share_loss": plan.sharing.loss,
            "seconds": self.seconds,
            "bound_seconds": self.bound_seconds,
            "parameters": {spec: hyperparameters(made) for spec, made in plan.strategies.items()},
            "cells": [_placed(cell, standing) for cell in self.cells],
            "overall": [_placed(cell, standing) for cell in self.overall()],
            "verdicts": [{"scenario": name, "verdict": self.verdict(name)} for name in standings],
        }

    def _of(self, key: str, value: str) -> list[Cell]:
        return [cell for cell in self.cells if getattr(cell, key) == value]


def _placed(cell: Cell, standing: Mapping[tuple[str | None, str], Standing]) -> dict[str, Any]:
    mine = standing[cell.scenario, cell.strategy]
    return {**cell.result(), "behind": mine.behind.json(), "group": mine.group}


def _mean(strategy: str, cells: Sequence[Cell]) -> Cell:
    """Scenarios weigh alike, and their fleets are drawn independently."""
    latency = Histogram()
    for cell in cells:
        latency.merge(cell.run.latency)
    arrays = {
        name: np.mean([getattr(cell.run, name) for cell in cells], axis=0)
        for name in ("score", "steady_score", "shared_bytes", *COUNTS)
    }
    bounded = min(len(cell.bound) for cell in cells)
    bound = np.mean([cell.bound[:bounded] for cell in cells], axis=0)
    return Cell(strategy, None, Run(cells[0].run.requests, **arrays, latency=latency), bound)
