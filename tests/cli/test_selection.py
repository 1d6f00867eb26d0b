"""From names and files to what is played: each wrong choice is refused by its flag."""

from pathlib import Path

import pytest

from flaky_load_balancer.cli import selection
from flaky_load_balancer.core.errors import UserError

SCENARIO = """
name = "mine"
servers = 2
{port}
[failure]
values = [0.1, 0.2]
"""


def scenario_file(folder: Path, name: str = "mine", port: str = "") -> str:
    path = folder / f"{name}.toml"
    path.write_text(SCENARIO.format(port=port))
    return str(path)


def refused(words: list[str]) -> "pytest.RaisesExc[UserError]":
    return pytest.RaisesExc(UserError, check=lambda error: all(w in str(error) for w in words))


def test_all_scenarios_are_three_and_each_is_played_once(tmp_path: Path) -> None:
    mine = scenario_file(tmp_path)
    found = selection.scenarios(["t2", "all", "T2", mine, mine])
    assert [scenario.name for _, scenario in found] == ["T2", "T1", "T3", "mine"]
    assert [asked for asked, _ in found] == ["t2", "T1", "T3", mine]


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    one = scenario_file(tmp_path, "one")
    other = scenario_file(tmp_path, "other", "port = 7000")
    with refused([f"--scenario {other}", one, "another name"]):
        selection.scenarios([one, other])


def test_strategies_each_once_in_canonical_form() -> None:
    assert selection.strategies(["V6", "v6:cooldown=0.5", "v6"]) == ["v6", "v6:cooldown=0.5"]
    every = selection.strategies(["all"])
    assert every[:8] == [f"v{n}" for n in range(1, 9)]
    assert "oracle" not in every
    with refused(["--strategy", "'v99'", "v6"]):
        selection.strategies(["v4", "v99"])


def test_a_wrong_sweep_is_refused_by_its_flag() -> None:
    assert selection.sweeps(["v6:cooldown=1|2"]) == ["v6", "v6:cooldown=2"]
    with refused(["--sweep v6:cooldown=0.2..5:", "how many values"]):
        selection.sweeps(["v6:cooldown=0.2..5"])
    with refused(["--sweep v6:colour=1|2", "cooldown"]):
        selection.sweeps(["v6:colour=1|2"])
