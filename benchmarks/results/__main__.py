"""Measure everything and write docs/results.md: ``python -m benchmarks.results [PART ...]``.

Parts are ``small`` (what the test of freshness plays again), ``scores``, ``loads`` (who wins at
which load) and ``hurry`` (what waiting buys); none named are all.  ``--scenario`` measures the
scores of this one only, which take the place of its old ones.  ``--page`` measures nothing, and
only writes page and plots anew.
"""

import argparse
from time import perf_counter

from benchmarks.results import hurry, loads, page, plans, plots
from benchmarks.results.record import (
    FOLDER,
    SMALL,
    Record,
    load,
    merged,
    named,
    recorded,
    save,
    there,
)
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Plan
from strategies import GAME

PARTS = "small", "scores", "loads", "hurry"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--scenario", action="append", help="only the scores of this (repeatable)")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    parser.add_argument("--jobs", type=int, help="processes (default: one per core)")
    arguments = parser.parse_args()
    unknown = sorted({*arguments.parts} - {*PARTS})
    if unknown:
        parser.error(f"{', '.join(unknown)}: expected parts of {', '.join(PARTS)}")
    usual = () if arguments.page else ("scores",) if arguments.scenario else PARTS
    parts, jobs = arguments.parts or usual, arguments.jobs
    if "small" in parts:
        save(SMALL, measured(plans.small(), 1))
    if "scores" in parts:
        for requests in plans.RUNS:
            _measure(requests, arguments.scenario, jobs)
    if "loads" in parts:
        for rate, requests in loads.RATES.items():
            save(loads.named(rate), measured(loads.plan(rate, requests), jobs))
    if "hurry" in parts:
        save(hurry.FILE, measured(hurry.plan(), jobs))
    write()


def _measure(requests: int, only: list[str] | None, jobs: int | None) -> None:
    """Every scenario; or some, whose numbers replace those on record."""
    if only is None:
        save(named(requests), measured(plans.full(requests), jobs))
        return
    plan = plans.plan(tuple(GAME), tuple(only), requests, plans.RUNS[requests])
    save(named(requests), merged(load(named(requests)), measured(plan, jobs), plans.measured()))


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
    if loads.measured():
        page.write("loads", loads.section(loads.measured()))
    for record in there(hurry.FILE):
        page.write("hurry", hurry.section(record))


if __name__ == "__main__":
    main()
