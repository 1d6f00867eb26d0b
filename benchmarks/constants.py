"""What each constant of cascade's model of limits is worth: played with half of it, and twice.

    python -m benchmarks.constants [--requests N] [--replications R] [--seed S] [NAME ...]

For each constant and scenario, points of score more than with the constant as it is, with a 95 %
interval, paired by fleet.  Of a constant just below 1 its distance to 1 is halved and doubled.
"""

import argparse
from types import ModuleType
from unittest.mock import patch

from benchmarks.parts.intervals import half
from flaky_load_balancer.config import Game
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.scenarios import Scenario, find
from strategies import cascade
from strategies.capacity import calibration, intervals, learning, pauses, posterior
from strategies.cascade import Cascade

CONSTANTS: dict[str, ModuleType] = {
    "MARGIN": intervals,
    "DOUBT": posterior,
    "UNSURE": posterior,
    "SURPRISE": calibration,
    "FADE": calibration,
    "PRIOR_SURPRISES": calibration,
    "PRIOR_SECONDS": calibration,
    "MOST_WIDER": calibration,
    "LONGEST_REST": calibration,
    "CERTAIN": learning,
    "PRIOR_TRUE": calibration,
    "FORGET": calibration,
    "FIRST": pauses,
    "FAR": cascade,
    "RECENT": cascade,
}
SCENARIOS = "T2", "T2-tight", "T3-tide", "quota"


def main() -> None:
    """Print a row for each constant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CONSTANTS))
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--replications", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7000)
    given = parser.parse_args()
    played = [find(name) for name in SCENARIOS]
    usual = [score(each, given) for each in played]
    print(f"| constant | value | {' | '.join(SCENARIOS)} |\n|{'---|' * (len(played) + 2)}")
    for name in given.names:
        module = CONSTANTS[name]
        for value in neighbours(getattr(module, name)):
            with patch.object(module, name, value):
                found = [score(each, given) for each in played]
            cells = [difference(a, b) for a, b in zip(found, usual, strict=True)]
            print(f"| `{name}` | {value:.4g} | {' | '.join(cells)} |", flush=True)


def neighbours(value: float) -> tuple[float, float]:
    """Half and twice as much; of what is just below 1, half and twice as far from it."""
    if 0.75 < value < 1.0:
        return 1.0 - 2.0 * (1.0 - value), 1.0 - 0.5 * (1.0 - value)
    return 0.5 * value, 2.0 * value


def score(scenario: Scenario, given: argparse.Namespace) -> Floats:
    """(R,) of cascade, in points."""
    rules = Game().rules(scenario.servers)
    sizes = {"requests": given.requests, "replications": given.replications}
    return simulate(Cascade(), scenario, rules, seed=given.seed, **sizes).score


def difference(found: Floats, usual: Floats) -> str:
    more = found - usual
    return f"{more.mean():+.1f} +-{half(more):.1f}"


if __name__ == "__main__":
    main()
