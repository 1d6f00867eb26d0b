"""Who wins at which load: fleets as T2 has them, with limits that fit the rate of requests.

Load is the rate over what the fleet can serve, sum(limit x success): above 1 nobody can serve all.
"""

from dataclasses import replace
from operator import itemgetter

from benchmarks.results.lead import LEADER, RIVALS
from benchmarks.results.page import milliseconds, table
from benchmarks.results.record import (
    Record,
    cells,
    result_scenarios,
    result_strategies,
    there,
)
from flaky_load_balancer import registry
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.scenarios import PerServer, Scenario

BASE = "T2"
LOADS = 0.3, 0.6, 0.9, 1.5
RATES = {10: 400, 50: 400, 100: 400, 1000: 1000}  # requests per second: requests of a run
FLEETS = 20
SEED = 900
STRATEGIES = "v6", "round-robin", "p2c-ewma", "lagrange", LEADER, "oracle"
NEAR = 0.05  # a fleet's load may be that much off

INTRODUCTION = """## By load

Limits as on {base}, larger or smaller so that the load, requests per second over what the fleet can
serve (limit x success of its ten servers), is what it says; above 1 nobody can serve everything at
once (in a run shorter than the deadline of 10 s what waits may be served after the last arrival).
{fleets} fleets, seed {seed}; {runs}. In a cell: regret in 100 requests (bold: cannot be told from
the best one); score in 100 requests when the start is forgotten; p50 / p99 of a request, ms.
"""
CLOSING = """Regret of `{leader}` divided by the smallest one of others (fleets drawn again), and
p50 of both, ms:
"""


def at(load: float, rate: float) -> Scenario:
    """The fleets that are loaded so much at so many requests per second."""
    base = scenarios.find(BASE)
    (limit,) = base.limits
    failure, admissions = base.failure.rate, limit.admissions
    success = 1 - (sum(failure.low) + sum(failure.high)) / 2 / base.servers
    usual = success * (sum(admissions.low) + sum(admissions.high)) / 2 / limit.window
    factor = rate / load / usual
    scaled = PerServer(
        tuple(factor * low for low in admissions.low),
        tuple(factor * high for high in admissions.high),
    )
    capacity = (1 - NEAR) / load, (1 + NEAR) / load
    limit = replace(limit, admissions=scaled, capacity=capacity)
    return replace(base, name=f"load {load:g}", limits=(limit,))


def plan(rate: int, requests: int, fleets: int = FLEETS) -> Plan:
    return Plan(
        {name: registry.parse(name) for name in STRATEGIES},
        [at(load, rate) for load in LOADS],
        requests=requests,
        replications=fleets,
        rate=float(rate),
        seed=SEED,
    )


def named(rate: int) -> str:
    """The file of the runs at so many requests per second."""
    return f"loads-{rate}.json"


def measured() -> list[Record]:
    """The records that there are, by rate."""
    return there(*map(named, RATES))


def section(records: list[Record]) -> str:
    """Of each load a table of strategies and rates, and one of how far ahead the leader is."""
    runs = ", ".join(f"{each['requests']:,} requests at {each['rate']:g}/s" for each in records)
    facts = {"base": BASE, "fleets": records[0]["replications"], "seed": records[0]["seed"]}
    rates = [f"{each['rate']:g}/s" for each in records]
    parts = [INTRODUCTION.format(**facts, runs=runs)]
    for name in result_scenarios(records[0]):
        found = [cells(record, name) for record in records]
        rows = [
            [f"`{each}`", *(_cell(c[each], r) for c, r in zip(found, records, strict=True))]
            for each in result_strategies(records[0])
        ]
        parts += [f"### {name.capitalize()}\n", table(["", *rates], rows)]
    parts += ["### Who leads\n", CLOSING.format(leader=LEADER)]
    rows = [
        [name, *(_lead(record, name) for record in records)]
        for name in result_scenarios(records[0])
    ]
    return "\n".join([*parts, table(["", *rates], rows)])


def _cell(cell: Record, record: Record) -> str:
    unit = 100 / record["requests"]
    regret, steady = (f"{unit * cell[each]['mean']:z.2f}" for each in ("regret", "steady_score"))
    regret = f"**{regret}**" if cell["group"] == 1 else regret
    return f"{regret}; {steady}; {_latency(cell, 'p50')} / {_latency(cell, 'p99')}"


def _lead(record: Record, scenario: str) -> str:
    lead = max((record["leads"][scenario][group] for group in RIVALS), key=itemgetter("ratio"))
    low, high = lead["ci95"]
    found = cells(record, scenario)
    p50 = f"{_latency(found[LEADER], 'p50')} and {_latency(found[lead['rival']], 'p50')}"
    return f"{lead['ratio']:z.2f} ({low:z.2f} to {high:z.2f}) of `{lead['rival']}`; {p50}"


def _latency(cell: Record, share: str) -> str:
    return milliseconds(cell["latency_ms"][share])
