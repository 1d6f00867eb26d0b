"""Several attempts at once against one after the other, where answers are urgent.

``python -m benchmarks.fanout`` plays fleets whose answers are of use within a deadline, in virtual
time: tried again after a failure (``v4``), hedged by time (``fanout`` that waits and asks for no
worth), with a fixed number of copies, and with as many as are worth it.
"""

import numpy as np

from benchmarks.parts.intervals import half
from flaky_load_balancer.core.types import Floats, Rules
from flaky_load_balancer.registry import parse as strategy
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.scenarios import Scenario, parse

REQUESTS, FLEETS = 500, 32
FLEET = """
name = "{name}"
servers = {servers}
failure.uniform = {failure}
latency = {{ median = {median}, sigma = {sigma} }}
"""
WORLDS = {  # the deadline in seconds, and the fleet
    "urgent": (0.5, {"servers": 10, "failure": [0.1, 0.6], "median": 0.3, "sigma": 0.6}),
    "flaky": (0.5, {"servers": 10, "failure": [0.3, 0.9], "median": 0.3, "sigma": 0.3}),
    "mixed": (0.3, {"servers": 4, "failure": [0.02, 0.8], "median": 0.1, "sigma": 0.5}),
}


def main() -> None:
    """Print a table for each world; intervals are halves of 95 %, over fleets."""
    for name, (deadline, fleet) in WORLDS.items():
        scenario = parse(FLEET.format(name=name, **fleet), source=name)
        print(f"\n{name}: answers within {deadline:g} s", flush=True)
        print(f"{'':<42}{'in time, %':>18}{'attempts':>16}{'p50 ms':>9}{'more than v4, %':>20}")
        first: Floats | None = None
        for spec in specs(deadline):
            run = played(spec, scenario, deadline)
            share, attempts = 100 * run.delivered / REQUESTS, run.attempts / REQUESTS
            first = share if first is None else first
            p50 = 1000 * (run.latency.quantile(0.5) or np.nan)
            cells = f"{shown(share):>18}{shown(attempts, 2):>16}{p50:>9.0f}"
            print(f"{spec:<42}{cells}{shown(share - first):>20}", flush=True)


def specs(deadline: float) -> list[str]:
    """Strategies, by their names."""
    soon, waits = f"fanout:soon={deadline:g}", (0.2 * deadline, 0.4 * deadline)
    hedges = [f"{soon},cost=0,most={n},after={wait:g}" for n in (2, 3) for wait in waits]
    fixed = [f"{soon},cost=0,most={n}" for n in (2, 3)]
    worth = [f"{soon},cost={cost:g}" for cost in (0.2, 0.1, 0.05)]
    return ["v4", *hedges, *fixed, *worth]


def played(spec: str, scenario: Scenario, deadline: float) -> Run:
    return simulate(
        strategy(spec),
        scenario,
        Rules(scenario.servers),
        requests=REQUESTS,
        replications=FLEETS,
        deadline=deadline,
        attempt_timeout=deadline,
    )


def shown(values: Floats, digits: int = 1) -> str:
    return f"{values.mean():.{digits}f} +- {half(values):.{digits}f}"


if __name__ == "__main__":
    main()
