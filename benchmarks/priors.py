"""What a prior from other fleets saves at the start: ``flb fit --prior``, played on fleets unseen.

    python -m benchmarks.priors [--fleets N] [--requests N] [--replications R] [SCENARIO ...]

N fleets of a scenario are logged, each for 300 attempts at servers drawn evenly; what these logs
teach is played on fleets of another seed.  Points of score more than without, and attempts per
request less, with 95 % intervals, paired by fleet.
"""

import argparse
from dataclasses import replace
from io import StringIO

import numpy as np

from benchmarks.parts.intervals import half
from flaky_load_balancer import registry
from flaky_load_balancer.config import Game
from flaky_load_balancer.core.types import Floats, Outcome
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.fitting.log import Log, parse
from flaky_load_balancer.simulation.fitting.prior import Prior
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario, find

SCENARIOS = "T1", "T2", "T3", "T2-tight", "quota", "one-good"
ATTEMPTS, RATE = 300, 20.0  # of each log; per second
SEEN, UNSEEN = 100, 200  # seeds
ROW = np.zeros(1, dtype=np.intp)


def main() -> None:
    """Print a row for each scenario and strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--fleets", type=int, default=20)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--replications", type=int, default=200)
    given = parser.parse_args()
    print("| scenario | strategy | points more | attempts per request less |\n|---|---|---|---|")
    for scenario in map(find, given.scenarios):
        prior = Prior.of([logged(scenario, number) for number in range(given.fleets)])
        alone = [each for each in [replace(prior, limits=None).specs[0]] if prior.limits]
        for spec in [*alone, *prior.specs]:
            found, usual = (played(each, scenario, given) for each in (spec, spec.split(":")[0]))
            points = difference(found.score - usual.score)
            effort = difference((usual.attempts - found.attempts) / given.requests)
            print(f"| {scenario.name} | `{spec}` | {points} | {effort} |", flush=True)


def difference(more: Floats) -> str:
    return f"{more.mean():+.2f} +-{half(more):.2f}"


def logged(scenario: Scenario, number: int) -> Log:
    """Attempts at one fleet, as its log has them."""
    servers, rng = Servers(Fleet.draw(scenario, SEEN, first=number)), np.random.default_rng(number)
    lines = ["server,time,outcome,latency_ms"]
    for count in range(ATTEMPTS):
        time, arm = count / RATE, int(rng.integers(scenario.servers))
        answer = servers.respond(ROW, np.array([arm]), np.array([time]))
        label = Outcome(int(answer.outcome[0])).label
        lines.append(f"s{arm},{time:.6f},{label},{1000 * float(answer.latency[0]):.4f}")
    return parse(StringIO("\n".join(lines)), scenario.name)


def played(spec: str, scenario: Scenario, given: argparse.Namespace) -> Run:
    sizes = {"requests": given.requests, "replications": given.replications}
    strategy = registry.load(spec)
    return simulate(strategy, scenario, Game().rules(scenario.servers), seed=UNSEEN, **sizes)


if __name__ == "__main__":
    main()
