"""The built-in scenarios are what docs and people were promised."""

from importlib.resources import files
from pathlib import Path

import pytest

from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.scenarios import ScenarioError, builtin, find, read

SHIPPED = Path(str(files("flaky_load_balancer.simulation.scenarios")))
NAMES = {"T1", "T2", "T3", "T2-tight", "T3-tide", "T3-low", "quota", "accounts", "tokens"} | {
    *("one-good", "hopeless", "outage", "brownout", "hang", "slow", "switch"),
    *("drift-walk", "drift-steps", "drift-sinusoid", "flapping", "pareto"),
}


def test_all_promised_scenarios_are_there() -> None:
    assert set(builtin()) >= NAMES


def test_every_shipped_file_is_a_scenario_of_its_name() -> None:
    assert {path.stem for path in SHIPPED.glob("*.toml")} == set(builtin())
    for path in SHIPPED.glob("*.toml"):
        scenario = read(path)
        assert scenario == builtin()[path.stem]
        assert scenario.description


def test_the_three_of_the_original_problem_have_their_ports() -> None:
    ports = {name: scenario.port for name, scenario in builtin().items() if scenario.port}
    assert ports == {"T1": 4000, "T2": 5000, "T3": 6000}
    assert all(builtin()[name].servers == 10 for name in NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_fleets_can_be_drawn(name: str) -> None:
    fleet = Fleet.draw(find(name), 0, replications=20)
    assert fleet.success.shape == (20, 10)


@pytest.mark.parametrize("name", ["outage", "hang", "slow", "switch"])
def test_the_best_server_is_the_one_in_trouble(name: str) -> None:
    scenario = find(name)
    rates = scenario.failure.rate.low
    assert scenario.faults[0].servers == (rates.index(min(rates)),)
    assert not scenario.failure.rate.drawn


@pytest.mark.parametrize("name", ["outage", "hang", "slow", "switch", "brownout"])
def test_trouble_comes_in_short_runs_and_in_long_ones(name: str) -> None:
    changes = find(name).changes
    assert any(1 < time < 9 for time in changes)
    assert any(20 < time < 90 for time in changes)


def test_names_are_found_in_any_case(tmp_path: Path) -> None:
    assert find("t2-TIGHT") is builtin()["T2-tight"]
    file = tmp_path / "mine.toml"
    file.write_text((SHIPPED / "T1.toml").read_text())
    assert find(str(file)) == builtin()["T1"]


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"unknown scenario 'outag' \(did you mean outage"):
        find("outag")
    with pytest.raises(ScenarioError, match="expected one of T1, T2"):
        find("zzz")
    with pytest.raises(ScenarioError, match=r"^zzz\.toml: no such file"):
        find("zzz.toml")
