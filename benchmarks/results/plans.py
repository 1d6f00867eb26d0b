"""What the record of scores is made of: every strategy on every scenario, in virtual time."""

from flaky_load_balancer import registry
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.comparison import Plan
from strategies import GAME

AWAITED: frozenset[str] = frozenset()  # strategies that may be missing until it is measured again
# Of what is no such game (decision 23), or has contexts.
APART = frozenset(
    {"drift-walk", "drift-steps", "drift-sinusoid", "flapping", "llm-mixed", "pareto"}
)
AWAITED_SCENARIOS = APART  # scenarios that may be missing until they are measured
# Files of the record that may be missing until they are measured: their sections are, too.
AWAITED_FILES: frozenset[str] = frozenset()
RUNS = {1000: 200, 100: 1000}  # requests of each run: fleets
SMALL = ("v4", "v6", "p2c-ewma"), ("T1", "T2-tight", "outage"), 40, 20  # what a test plays again


def full(requests: int) -> Plan:
    """All there is, in runs of so many requests."""
    return plan(tuple(GAME), measured(), requests, RUNS[requests])


def measured() -> tuple[str, ...]:
    """The built-in scenarios of the record."""
    return tuple(name for name in scenarios.builtin() if name not in APART)


def small() -> Plan:
    """Little enough to be played by a test, which compares it with the numbers on record."""
    return plan(*SMALL)


def plan(
    strategies: tuple[str, ...], on: tuple[str, ...], requests: int, replications: int
) -> Plan:
    return Plan(
        {name: registry.parse(name) for name in strategies},
        [scenarios.find(name) for name in on],
        requests=requests,
        replications=replications,
    )
