"""The slowest of a hundred requests where tails are heavy: ``python -m benchmarks.tails``.

Every strategy plays the same fleets of ``pareto``, in virtual time; the p99 of latency is that of
all requests of a seed, and intervals are over seeds.
"""

import argparse

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Cell, Plan
from flaky_load_balancer.simulation.scenarios import find

NEIGHBOURS = "v4", "v6", "cascade", "p2c-ewma", "outlier", "sw-ts"
RISK = "risk", "risk:measure=median-of-means", "risk:concentration=1"
COLUMNS = "p50 ms", "p99 ms", "p99 / v4", "delivered %", "points / 1,000", "attempts"
STUDENT = 2.26  # of 95 %, with ten seeds


def main() -> None:
    """Print a row for each strategy: means over ten seeds, half of a 95 % interval behind them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="pareto")
    parser.add_argument("--fleets", type=int, default=12)
    parser.add_argument("--requests", type=int, default=1000)
    arguments = parser.parse_args()
    names = (*NEIGHBOURS, *RISK)
    plan = {name: parse(name) for name in names}, [find(arguments.scenario)]
    size = {"requests": arguments.requests, "replications": arguments.fleets}
    played = [compare(Plan(*plan, **size, seed=seed)).cells for seed in range(10)]
    found = np.array([[measured(cell) for cell in cells] for cells in played])
    found[..., 2] = found[..., 1] / found[:, :1, 1]
    mean, half = found.mean(axis=0), STUDENT * found.std(axis=0, ddof=1) / np.sqrt(len(found))
    print(f"{'':<30}" + "".join(f"{column:>19}" for column in COLUMNS))
    for name, row, wide in zip(names, mean, half, strict=True):
        cells = [f"{m:.5g} +- {w:.2g}" for m, w in zip(row, wide, strict=True)]
        print(f"{name:<30}" + "".join(f"{cell:>19}" for cell in cells))


def measured(cell: Cell) -> Floats:
    """The columns of one strategy and seed; the ratio is put in later."""
    run, requests = cell.run, cell.run.requests
    p50, p99 = (cell.latency_ms(share) or np.nan for share in (0.5, 0.99))
    delivered, score = 100 * run.delivered.mean() / requests, 1000 * run.score.mean() / requests
    return np.array([p50, p99, np.nan, delivered, score, run.attempts.mean() / requests])


if __name__ == "__main__":
    main()
