"""What waiting buys: ``cascade`` with several prices of a second (``hurry``), score beside latency.

As ``flb compare --sweep "cascade:hurry=0.05|0.2|1|5"`` shows it, for scenarios of little capacity.
"""

from benchmarks.results.page import milliseconds, table
from benchmarks.results.plans import plan as plan_of
from benchmarks.results.record import Record, cells, result_scenarios, result_strategies
from flaky_load_balancer.simulation.comparison.comparison import Plan

FILE = "hurry.json"
PRICES = 0.05, 0.2, 1, 5  # points for each second; 0.2 is the default
SCENARIOS = "T2-tight", "T3-tide", "quota"
REQUESTS, FLEETS = 500, 20

INTRODUCTION = """## What waiting buys

`cascade` waits for admissions, and `hurry` is the price of that: points of score for each second
that a request is held. {fleets} fleets, {requests} requests at {rate:g} per second, seed {seed}. In
a cell: score in 100 requests, +- half a 95 % interval of the difference to the best one; p50 / p99
of a request, ms. `flb compare --sweep "cascade:hurry=0.05|0.2|1|5" --scenario FILE` shows it before
servers like yours.
"""


def plan() -> Plan:
    specs = tuple(f"cascade:hurry={price:g}" for price in PRICES)
    return plan_of(specs, SCENARIOS, REQUESTS, FLEETS)


def section(record: Record) -> str:
    """A table of prices and scenarios."""
    scenarios, facts = result_scenarios(record), {"fleets": record["replications"], **record}
    found = [cells(record, scenario) for scenario in scenarios]
    rows = [
        [f"`{name}`", *(_cell(cell[name], record) for cell in found)]
        for name in result_strategies(record)
    ]
    return "\n".join([INTRODUCTION.format(**facts), table(["", *scenarios], rows)])


def _cell(cell: Record, record: Record) -> str:
    unit, high = 100 / record["requests"], cell["behind"]["ci95"][1]
    score, reach = unit * cell["score"]["mean"], unit * (high - cell["behind"]["mean"])
    p50, p99 = (milliseconds(cell["latency_ms"][each]) for each in ("p50", "p99"))
    return f"{score:.2f} +- {reach:.2f}; {p50} / {p99}"
