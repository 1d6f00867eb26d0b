"""How far `cascade` is from what is possible, next to the best of the others.

    python -m benchmarks.cascade [--requests N] [--replications R] [--seed S] [SCENARIO ...]

For each scenario (a name or a TOML file): mean regret of `cascade` and of the best of V1-V8 and
the baselines, their ratio with a 95 % interval (bootstrap over fleets), and what it cost in time,
attempts and refusals.  The others and the bounds are kept in a folder of the system's temporary
one, so that an experiment with `cascade` takes seconds.
"""

import argparse
import hashlib
import pickle
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from flaky_load_balancer.config import Game
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario, find
from strategies import STRATEGIES
from strategies.cascade import Cascade

TARGETS = ["T1", "T2", "T3", "T3-low", "T2-tight", "T3-tide", "quota"]
OTHERS = [*(f"v{n}" for n in range(1, 9)), "random", "round-robin", "p2c-ewma", "outlier"]
CACHE = Path(tempfile.gettempdir()) / "flb-cascade"
HEAD = (
    "scenario      best other   regret   cascade     ratio (95 %)              p50 ms   p99 ms"
    "   att   429"
)


def main() -> None:
    """Print one line per scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=TARGETS)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER")
    arguments = parser.parse_args()
    numbers: dict[str, Any] = {
        name: float(x) for name, x in (pair.split("=") for pair in arguments.set)
    }
    print(HEAD)
    for name in arguments.scenarios:
        trial = Trial(find(name), arguments.requests, arguments.replications, arguments.seed)
        print(trial.line(Cascade(**numbers)), flush=True)


class Trial:
    """R fleets of one scenario, each played by several strategies."""

    def __init__(self, scenario: Scenario, requests: int, replications: int, seed: int) -> None:
        self.scenario, self.requests, self.replications = scenario, requests, replications
        self.seed = seed
        self.game = Game()
        self.rules = self.game.rules(scenario.servers)

    def line(self, strategy: Strategy) -> str:
        bound = self._kept("bound", self._bound)
        others = {name: bound - self._kept(name, partial(self._score, name)) for name in OTHERS}
        best = min(others, key=lambda name: float(others[name].mean()))
        began = perf_counter()
        run = self._play(strategy)
        took = perf_counter() - began
        regret = bound - run.score
        low, high = ratio_interval(regret, others[best])
        p50, p99 = (1000 * (run.latency.quantile(q) or 0.0) for q in (0.5, 0.99))
        total = self.requests * self.replications
        return (
            f"{self.scenario.name:<13} {best:<11} {others[best].mean():7.2f} {regret.mean():9.2f}"
            f" {regret.mean() / others[best].mean():9.3f} ({low:.3f}, {high:.3f})"
            f" {p50:8.1f} {p99:8.0f} {run.attempts.sum() / total:5.2f}"
            f" {run.rate_limited.sum() / total:5.2f} {took:6.1f} s"
        )

    def _play(self, strategy: Strategy) -> Run:
        return simulate(
            strategy,
            self.scenario,
            self.rules,
            requests=self.requests,
            replications=self.replications,
            seed=self.seed,
        )

    def _score(self, name: str) -> Floats:
        return self._play(STRATEGIES[name]()).score

    def _bound(self) -> Floats:
        fleet = Fleet.draw(self.scenario, self.seed, replications=self.replications)
        servers = Servers(fleet)
        return bounds(
            servers, self.requests, rate=10.0, deadline=self.game.deadline, rules=self.rules
        )

    def _kept(self, name: str, compute: Callable[[], Floats]) -> Floats:
        """What was computed before, in this form of the scenario, or is now."""
        key = repr((name, self.scenario, self.requests, self.replications, self.seed))
        path = CACHE / hashlib.sha256(key.encode()).hexdigest()[:24]
        if not path.exists():
            CACHE.mkdir(exist_ok=True)
            path.write_bytes(pickle.dumps(compute()))
        kept: Floats = pickle.loads(path.read_bytes())
        return kept


def ratio_interval(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """A 95 % interval of the ratio of two means, paired by fleet."""
    picks = np.random.default_rng(1).integers(0, len(ours), (2000, len(ours)))
    ratios = ours[picks].mean(axis=1) / theirs[picks].mean(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
