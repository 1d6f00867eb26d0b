"""How far ahead `cascade` is: its regret over the smallest of others, with intervals.

Both regrets are of the same fleets, so intervals come from drawing fleets again (bootstrap).
"""

from typing import Any

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.comparison.comparison import Cell, Comparison

LEADER = "cascade"
RIVALS = {
    "V1-V8 and baselines": (
        *(f"v{number}" for number in range(1, 9)),
        *("random", "round-robin", "p2c-ewma", "outlier"),
    ),
    "knapsack strategies": ("primal-dual", "balanced", "lagrange"),
}
DRAWS = 2000


def leads(comparison: Comparison, leader: str = LEADER) -> dict[str, Any]:
    """By scenario and group of rivals; empty where the leader did not play."""
    if leader not in comparison.plan.strategies:
        return {}
    return {
        scenario.name: {
            group: _lead(comparison.on(scenario.name), leader, rivals)
            for group, rivals in RIVALS.items()
        }
        for scenario in comparison.plan.scenarios
    }


def _lead(cells: list[Cell], leader: str, rivals: tuple[str, ...]) -> dict[str, Any]:
    regrets = {cell.strategy: _regret(cell) for cell in cells}
    best = min((name for name in rivals if name in regrets), key=lambda n: regrets[n].mean())
    mean, (low, high) = ratio(regrets[leader], regrets[best])
    return {"rival": best, "ratio": mean, "ci95": [low, high]}


def _regret(cell: Cell) -> Floats:
    regret: Floats = cell.bound - cell.run.score[: len(cell.bound)]
    return regret


def ratio(ours: Floats, theirs: Floats) -> tuple[float, tuple[float, float]]:
    """A ratio of means, paired by fleet, and its 95 % interval."""
    picks = np.random.default_rng(1).integers(0, len(ours), (DRAWS, len(ours)))
    drawn = ours[picks].mean(axis=1) / theirs[picks].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(ours.mean() / theirs.mean()), (float(low), float(high))
