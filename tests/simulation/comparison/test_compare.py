"""Comparisons: paired, the same with any number of processes, and told as the contract says."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import flaky_load_balancer
from flaky_load_balancer import registry
from flaky_load_balancer.cli.main import flb
from flaky_load_balancer.config import Game
from flaky_load_balancer.records import Records
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison import comparison
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Comparison, Plan
from flaky_load_balancer.simulation.comparison.sentences import sentence
from flaky_load_balancer.simulation.comparison.verdict import opening

CELL = {
    *(
        "strategy",
        "scenario",
        "score",
        "steady_score",
        "regret",
        "bound",
        "delivered",
        "given_up",
        "attempts",
    ),
    *("paid_attempts", "rate_limited", "latency_ms"),
}


def plan_of(*specs: str, on: str = "T2", **options: int) -> Plan:
    return Plan(
        {spec: registry.parse(spec) for spec in specs},
        [scenarios.find(name) for name in on.split()],
        **{"requests": 30, "replications": 40, **options},  # type: ignore[arg-type]
    )


def numbers(made: Comparison) -> list[dict[str, object]]:
    cells: list[dict[str, object]] = made.result()["cells"]
    return cells


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "BLOCK", 15)
    plan = plan_of("v4", "p2c-ewma", on="T2 outage")
    assert [len(plan.blocks(each)) for each in plan.scenarios] == [3, 3]
    assert numbers(compare(plan, jobs=2)) == numbers(compare(plan, jobs=1))


def test_one_fleet_is_no_fleets() -> None:
    assert " 1 fleet, " in opening(plan_of("v4", replications=1))
    assert " 2 fleets, " in opening(plan_of("v4", replications=2))


def test_blocks_and_fleets_cover_all_replications() -> None:
    plan = plan_of("v4", replications=2345)
    blocks = plan.blocks(scenarios.find("T2"))
    assert [first for first, _ in blocks] == [0, 1000, 2000]
    assert sum(count for _, count in blocks) == 2345
    assert sum(count for _, count in plan.bounded(scenarios.find("T2"))) == 100
    assert sum(count for _, count in plan.bounded(scenarios.find("T1"))) == 2345


def test_a_block_with_many_requests_in_flight_is_smaller() -> None:
    few = plan_of("v4", replications=10)
    many = Plan(few.strategies, few.scenarios, 100_000, 1000, rate=2000.0)
    assert many.block(scenarios.find("T2")) * 2000.0 * Game().deadline <= comparison.ENTRIES


def test_a_block_takes_no_more_room_with_more_servers() -> None:
    few = scenarios.find("T2")
    plan = Plan(plan_of("v4").strategies, [few], rate=100.0)
    crowded = Plan(plan.strategies, [few], 100_000, rate=2000.0)
    for each in (plan, crowded):
        sizes = {n: each.block(replace(few, servers=n)) for n in (1, 30, 100, 500, 1000)}
        assert sizes[1] == sizes[30] == sizes[100]
        assert 500 * sizes[500] <= 100 * sizes[100]
        assert 1000 * sizes[1000] <= 100 * sizes[100]
    assert plan.block(few) == 1000


def test_regret_is_paired_with_the_bound_of_the_first_fleets() -> None:
    (cell,) = compare(plan_of("v4", replications=130)).cells
    assert len(cell.bound) == 100
    assert cell.regret.mean == pytest.approx(cell.bound.mean() - cell.run.score[:100].mean())
    assert cell.run.score.shape == (130,)


def test_twins_cannot_be_told_apart() -> None:
    made = compare(plan_of("round-robin", "round-robin:", "v8"))
    standings = {each.name: each for each in made.standings("T2")}
    assert standings["round-robin"].group == standings["round-robin:"].group
    assert "cannot be told apart" in sentence(
        [standings["round-robin"], standings["round-robin:"]], made.plan.replications
    )


def test_a_clear_difference_is_said_with_its_size() -> None:
    made = compare(plan_of("oracle", "outlier", "v8", on="T2-tight", requests=100))
    told, _, worst = made.standings("T2-tight")
    assert (told.name, told.group) == ("oracle", 0)
    assert told.behind.high < 0
    said = made.verdict("T2-tight")
    assert re.match(r"outlier \(p99 [\d.]+ ms\) is best; v8 \(p99 [\d.]+ ms\) comes next", said)
    behind = worst.behind
    assert behind.low > 0
    assert f"{behind.mean:.0f} points behind" in said


def test_the_whole_is_the_mean_of_the_scenarios_fleet_by_fleet() -> None:
    made = compare(plan_of("v4", "random", on="T1 T2"))
    result = made.result()
    for whole in result["overall"]:
        parts = [cell for cell in result["cells"] if cell["strategy"] == whole["strategy"]]
        assert whole["scenario"] is None
        for key in ("score", "delivered", "paid_attempts"):
            mean = sum(part[key]["mean"] for part in parts) / 2
            assert whole[key]["mean"] == pytest.approx(mean)
        reaches = [part["score"]["ci95"][1] - part["score"]["mean"] for part in parts]
        reach = whole["score"]["ci95"][1] - whole["score"]["mean"]
        assert 0 < reach < max(reaches)
    assert [each["scenario"] for each in result["verdicts"]] == ["T1", "T2", None]
    assert {each["group"] for each in result["overall"]} <= {1, 2}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in {"T1", "T2", "T3", "quota"} else pytest.mark.slow)
        for name in scenarios.builtin()
    ],
)
def test_nobody_beats_the_bound(name: str) -> None:
    """Neither those who learn nor the oracle, who holds; up to chance (4 standard errors).

    Where hardly a request can be lost, a sample in which none was says nothing about its error;
    losses are rare events of at most a point then.
    """
    made = compare(plan_of("v4", "outlier", "oracle", on=name, requests=100, replications=40))
    for cell in made.cells:
        regret = cell.bound - cell.run.score
        rare = np.sqrt((100 - cell.bound.mean()).clip(0))
        error = max(float(regret.std()), rare) / np.sqrt(len(regret))
        assert regret.mean() > -4 * error, cell.strategy


def test_the_json_of_the_command() -> None:
    asked = "--strategy v4 --strategy V6:cooldown=0.5 --scenario T1 --scenario T2 --requests 20"
    result = _flb(*asked.split(), "--replications", "10", "--seed", "3", "--json", "-")
    assert result.keys() >= {"seed", "replications", "requests", "seconds", "bound_seconds"}
    assert (result["seed"], result["replications"], result["requests"]) == (3, 10, 20)
    cells = result["cells"]
    assert [(cell["strategy"], cell["scenario"]) for cell in cells] == [
        *(("v4", "T1"), ("v4", "T2"), ("v6:cooldown=0.5", "T1"), ("v6:cooldown=0.5", "T2")),
    ]
    for cell in cells:
        assert cell.keys() >= CELL
        low, high = cell["score"]["ci95"]
        assert low <= cell["score"]["mean"] <= high
        assert cell["delivered"]["mean"] + cell["given_up"]["mean"] == pytest.approx(20)
        assert cell["latency_ms"]["p50"] <= cell["latency_ms"]["p99"]


def test_all_has_the_oracle() -> None:
    result = _flb("--scenario", "T1", "--requests", "5", "--replications", "2", "--json", "-")
    names = {cell["strategy"] for cell in result["cells"]}
    assert names == set(registry.chosen(["all"], oracle=True))
    assert "oracle" in names


def test_a_saved_comparison_is_a_session(tmp_path: Path) -> None:
    few = ["--scenario", "T1", "--strategy", "v4", "--requests", "5", "--replications", "3"]
    result = _flb(*few, "--json", "-", "--save", "--data-dir", str(tmp_path))
    (session,) = Records(tmp_path).sessions()
    assert session["kind"] == "compare"
    kept = Records(tmp_path).session(session["session"])
    assert kept is not None
    assert kept["result"] == result
    listed = CliRunner().invoke(flb, ["runs", "--data-dir", str(tmp_path)])
    assert session["session"] in listed.stdout


@pytest.mark.parametrize("command", ["harness --no-records", "serve --scenario T1"])
def test_live_commands_refuse_the_oracle(command: str) -> None:
    result = CliRunner().invoke(flb, [*command.split(), "--strategy", "oracle"])
    assert result.exit_code == 2
    assert "--strategy: oracle" in result.stderr.replace("\n", " ")


@pytest.mark.slow
def test_ctrl_c_leaves_no_process() -> None:
    command = [sys.executable, "-m", "flaky_load_balancer", "compare", "--requests", "100000"]
    with subprocess.Popen(
        [*command, "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 30
        while len(_children(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.0)
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert len(children) >= 2
    deadline = time.monotonic() + 5
    while any(_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_alive(child) for child in children)


def test_frames_for_notebooks() -> None:
    frames = flaky_load_balancer.compare(
        ["v4", registry.parse("v6")], ["T2"], requests=20, replications=110
    )
    assert frames.summary["strategy"].tolist() != []
    assert set(frames.summary["strategy"]) == {"v4", repr(registry.parse("v6"))}
    assert frames.replications.shape[0] == 220
    assert frames.replications["regret"].notna().sum() == 200
    mean = frames.replications.groupby("strategy")["score"].mean()
    assert frames.summary.set_index("strategy")["score"].to_dict() == pytest.approx(mean.to_dict())


def _flb(*asked: str) -> dict[str, Any]:
    result = CliRunner().invoke(flb, ["compare", *asked])
    assert result.exit_code == 0, result.stderr
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def _children(parent: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        pytest.skip("only Linux says who is whose child")
    return [int(child) for child in tasks.split()]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
