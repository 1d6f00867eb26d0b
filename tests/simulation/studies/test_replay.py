import csv
import json
from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.studies.offpolicy import TooLittleExploredError
from flaky_load_balancer.simulation.studies.replay import (
    ReplayError,
    read_decisions,
    would_earn,
)
from tests.programs import flb

MEANS = np.array([[0.9, 0.2], [0.3, 0.8]])  # by task and server


def written(path: Path, n: int = 400, seed: int = 0) -> Path:
    """A log of uniform choices between two servers, each good at one of two tasks."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["server", "probability", "reward", "cost", "features"])
        for _ in range(n):
            task, arm = rng.integers(2, size=2)
            reward = float(rng.random() < MEANS[task, arm])
            out.writerow(["ab"[arm], 0.5, reward, 0.01, json.dumps(np.eye(2)[task].tolist())])
    return path


def test_a_contextual_strategy_is_worth_more_than_what_was_logged(tmp_path: Path) -> None:
    decisions = read_decisions(written(tmp_path / "log.csv"))
    assert decisions.servers == ["a", "b"]
    assert decisions.features is not None
    linucb = would_earn(parse("linucb"), decisions)
    uniform = would_earn(parse("random"), decisions)
    assert linucb.dr.low < 0.85 < linucb.dr.high + 0.05
    assert uniform.dr.low < 0.55 < uniform.dr.high
    assert linucb.dr.low > uniform.dr.mean
    assert uniform.effective > linucb.effective


def test_a_log_that_explored_nothing_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("server,probability,reward\n" + "a,1,1\n" * 300)
    decisions = read_decisions(path)
    assert would_earn(parse("random"), decisions).dr.mean == 1  # there is no other server
    path.write_text("server,probability,outcome\n" + "a,,succeeded\nb,,failed\n" * 100)
    with pytest.raises(TooLittleExploredError, match="with its probability"):
        would_earn(parse("random"), read_decisions(path))


def test_refusals_are_no_decisions_about_quality(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "server,probability,outcome\na,0.5,succeeded\nb,0.5,rate-limited\nb,0.5,cancelled\nb,0.5,failed\n"
    )
    decisions = read_decisions(path)
    assert decisions.reward.tolist() == [1, 0]
    assert decisions.arm.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column server"),
        ("server,reward\na,1\n", "no column probability"),
        ("server,probability\na,1\n", "neither a column reward nor outcome"),
        ("server,probability,reward\na,often,1\n", "probability: expected a number"),
    ],
)
def test_what_is_no_log_of_decisions_is_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ReplayError, match=says):
        read_decisions(path)
    with pytest.raises(ReplayError, match="cannot be read"):
        read_decisions(tmp_path / "gone.csv")


@pytest.mark.slow
def test_from_the_command_line(tmp_path: Path) -> None:
    log, result = written(tmp_path / "log.csv", 200), tmp_path / "r.json"
    words = "replay", log, "--strategy", "linucb", "--strategy", "round-robin", "--json", result
    done = flb(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "doubly robust" in done.out
    document = json.loads(result.read_text())
    assert [each["strategy"] for each in document["strategies"]] == ["linucb", "round-robin"]
    assert flb("replay", "gone.csv", cwd=tmp_path).code == 2
