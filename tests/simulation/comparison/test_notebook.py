"""A notebook's comparison checks what it is given as the command line does."""

from dataclasses import replace
from typing import Any

import pytest

from flaky_load_balancer import compare
from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.simulation import scenarios
from strategies import STRATEGIES
from tests import broken

FEW: dict[str, Any] = {"requests": 5, "replications": 2}
WRONG: list[tuple[str, Any]] = [
    *(("rate", value) for value in (float("nan"), float("inf"), 0, -1.0)),
    *((name, value) for name in ("requests", "replications", "jobs") for value in (0, -1, 1.5)),
    *(("seed", value) for value in (-1, 2**63, 0.5)),
    *(("strategies", value) for value in ([], [5], [broken.Sound])),
    ("scenarios", []),
    ("scenarios", ["T2", replace(scenarios.find("T1"), name="T2")]),
    *(("max_attempts", 0), ("free_attempts", -1), ("penalty", float("nan"))),
    *(("deadline", 0.0), ("attempt_timeout", 0.0)),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_cannot_be_played_is_refused_by_the_argument_s_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}\b") as refused:
        compare(**{"strategies": "v4", "scenarios": "T1", **FEW, name: value})
    assert "--" not in str(refused.value)


def test_one_name_is_a_name() -> None:
    (row,) = compare("v4", "T1", **FEW).summary.to_dict("records")
    assert (row["strategy"], row["scenario"]) == ("v4", "T1")
    (row,) = compare(STRATEGIES["v6"](), scenarios.find("T2"), **FEW).summary.to_dict("records")
    assert row["scenario"] == "T2"


@pytest.mark.parametrize("kind", [broken.Hoards, broken.Anneals, broken.Undecorated, broken.Exits])
def test_one_s_own_must_keep_the_rules(kind: Any) -> None:
    with pytest.raises(SettingsError, match=rf"strategies: .*{kind.__name__}.* breaks the rule"):
        compare([kind()], "T1", **FEW)


def test_one_s_own_may_play_again() -> None:
    mine = broken.Sound(0.5)
    first = compare(mine, "T1", **FEW).summary
    assert compare(mine, "T1", **FEW).summary.equals(first)
