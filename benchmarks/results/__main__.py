"""Measure everything and write docs/results.md: ``python -m benchmarks.results [--jobs N]``.

``--page`` only writes page and plots anew, from the numbers on record; ``--small`` only measures
what the test of freshness plays again.
"""

import argparse
from time import perf_counter

from benchmarks.results import page, plans, plots
from benchmarks.results.record import FOLDER, SMALL, Record, load, named, recorded, save
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Plan


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description=__doc__)
    parser.add_argument("--jobs", type=int, help="processes (default: one per core)")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    parser.add_argument("--small", action="store_true", help="measure only what the test plays")
    arguments = parser.parse_args()
    if not arguments.page:
        save(SMALL, measured(plans.small(), 1))
    if not (arguments.page or arguments.small):
        for requests in plans.RUNS:
            save(named(requests), measured(plans.full(requests), arguments.jobs))
    if not arguments.small:
        write()


def measured(plan: Plan, jobs: int | None) -> Record:
    """Compare, and say how long it took."""
    began = perf_counter()
    record = recorded(compare(plan, jobs=jobs))
    games = f"{len(plan.strategies)} strategies on {len(plan.scenarios)} scenarios"
    took = perf_counter() - began
    print(
        f"{games}, {plan.replications} fleets, {plan.requests} requests: {took:.0f} s", flush=True
    )
    return record


def write() -> None:
    """Page and plots, from the numbers on record."""
    records = [load(named(requests)) for requests in plans.RUNS]
    for record in records:
        requests = record["requests"]
        (FOLDER / f"regret-{requests}.svg").write_bytes(plots.regret(record))
        (FOLDER / f"latency-{requests}.svg").write_bytes(plots.latency(record))
    page.write("simulated", page.simulated(records))


if __name__ == "__main__":
    main()
