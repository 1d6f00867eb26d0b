"""The oracle deserves its name: whoever does not know the servers is not ahead of it."""

from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.config import Game
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.comparison.intervals import Estimate
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario, ScenarioError

HELD_OUT = Path(__file__).parent.parent / "simulation" / "scenarios_heldout"
RIVALS = "cascade", "lagrange", "v4"
FLEETS = 12

HEAD = """
name = "fleet"
servers = 8
[failure]
uniform = [0.05, 0.6]
"""
DEEP = """
[limit]
kind = "token-bucket"
uniform = [0.3, 1.0]
window = 1.0
burst = 20
"""
LATE = """
[[faults]]
servers = [0, 1, 2, 3]
from = 0
to = 86400
kind = "slow"
delay = 3.0
"""
OVERLOAD = """
[limit]
kind = "fixed-window"
window = 1.0
uniform = [0, 3]
capacity = [0.25, 0.6]
[limit.motion]
kind = "sinusoid"
amplitude = 1.0
period = [5.0, 15.0]
"""


def scores(strategy: str, scenario: Scenario, requests: int, rate: float, game: Game) -> Floats:
    return simulate(
        registry.parse(strategy),
        scenario,
        game.rules(scenario.servers),
        requests=requests,
        replications=FLEETS,
        rate=rate,
        deadline=game.deadline,
        attempt_timeout=game.attempt_timeout,
    ).score


def assert_worthy(
    scenario: Scenario, requests: int, rate: float, rivals: tuple[str, ...], game: Game
) -> None:
    """Not behind a rival by more than chance, and not ahead of the bound by more."""
    mine = scores("oracle", scenario, requests, rate, game)
    for rival in rivals:
        ahead = mine - scores(rival, scenario, requests, rate, game)
        assert Estimate.careful(ahead, 0.95).high >= 0, rival
    fleet = Fleet.draw(scenario, 0, replications=FLEETS, rate=rate)
    most = bounds(
        Servers(fleet),
        requests,
        rate=rate,
        rules=game.rules(scenario.servers),
        deadline=game.deadline,
        attempt_timeout=game.attempt_timeout,
    )
    regret = most - mine
    rare = np.sqrt((requests - most.mean()).clip(0))  # losses of a point that no sample need have
    error = max(float(regret.std(ddof=1)), rare) / np.sqrt(FLEETS)
    assert regret.mean() > -4 * error


SIZED = """
[size]
median = 300
sigma = 1.2
[[limits]]
unit = "tokens"
kind = "token-bucket"
window = 10
uniform = [1000, 4000]
[[limits]]
servers = [0, 1, 2]
account = "a"
kind = "fixed-window"
window = 5
uniform = [4, 9]
"""


@pytest.mark.parametrize(
    ("text", "rival"),
    [
        pytest.param(DEEP, "cascade", id="deep", marks=pytest.mark.slow),
        pytest.param(LATE, "v4", id="late"),
        pytest.param(OVERLOAD, "lagrange", id="overload"),
        pytest.param(SIZED, "lagrange", id="sized", marks=pytest.mark.slow),
    ],
)
def test_nobody_is_ahead_of_it_where_it_is_hard(text: str, rival: str) -> None:
    assert_worthy(scenarios.parse(HEAD + text, source="test"), 200, 10.0, (rival,), Game())


@pytest.mark.slow
@pytest.mark.parametrize("rate", [10.0, 50.0, 100.0])
@pytest.mark.parametrize(
    "name", [*scenarios.builtin(), *(str(path) for path in sorted(HELD_OUT.glob("*.toml")))]
)
def test_nobody_is_ahead_of_it(name: str, rate: float) -> None:
    if rate > 10 and name.endswith("thirty-walk.toml"):
        pytest.skip("its held requests ask every millisecond there, for many minutes")
    try:
        assert_worthy(scenarios.find(name), 500, rate, RIVALS, Game())
    except ScenarioError:
        pytest.skip("no fleet of this scenario has the capacity for so many requests")


def test_it_plays_without_being_told_anything() -> None:
    """As the conformance suite and the playground make it play."""
    oracle = registry.parse("oracle")
    oracle.reset(Game().rules(3), 1, np.random.default_rng(0))
    assert oracle.retry_at(np.zeros(1)).shape == (1, 1)
