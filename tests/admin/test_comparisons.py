"""Recorded sessions, simulated and run, in one shape; what one run cannot say is not said."""

from typing import Any

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.admin.comparisons import compared
from flaky_load_balancer.registry import built_in
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.scenarios import find


def ran(number: int, strategy: str, scenario: str | None, score: float) -> dict[str, Any]:
    bound = None if scenario is None else 60.0
    counts = ("requests", "delivered", "given_up", "attempts", "paid_attempts", "rate_limited")
    return {
        "run": number,
        "strategy": strategy,
        "scenario": scenario,
        "path": "/orders",
        "score": score,
        "bound": bound,
        "regret": None if bound is None else bound - score,
        "latency_ms": {"p50": 2.0, "p99": 9.0},
        **dict.fromkeys(counts, 60),
    }


def test_single_runs_have_no_interval_and_no_best() -> None:
    runs = [ran(1, "v4", "T1", 58.0), ran(2, "v6", "T1", 55.0), ran(3, "v4", "T2", 50.0)]
    found = compared({"result": None, "runs": runs})
    shown = schemas.Compared.model_validate(found)
    assert (shown.replications, shown.scenarios, shown.strategies) == (
        1,
        ["T1", "T2"],
        ["v4", "v6"],
    )
    assert [cell.run for cell in shown.cells] == [1, 2, 3]
    assert {cell.group for cell in [*shown.cells, *shown.overall]} == {None}
    assert [cell.behind.mean for cell in shown.cells] == [0.0, 3.0, 0.0]
    assert all(cell.score.ci95 == (None, None) for cell in shown.cells)
    assert "chance" in shown.verdicts[0].verdict


def test_the_whole_is_of_those_that_played_every_scenario() -> None:
    runs = [ran(1, "v4", "T1", 58.0), ran(2, "v6", "T1", 55.0), ran(3, "v4", "T2", 50.0)]
    (whole,) = schemas.Compared.model_validate(compared({"result": None, "runs": runs})).overall
    assert (whole.strategy, whole.score.mean, whole.regret.mean) == ("v4", 54.0, 6.0)


def test_routes_without_a_scenario_are_told_apart_by_their_paths() -> None:
    found = compared({"result": None, "runs": [ran(1, "v4", None, 58.0)]})
    shown = schemas.Compared.model_validate(found)
    assert shown.scenarios == ["/orders"]
    assert shown.cells[0].regret.mean is None


def test_a_simulated_session_keeps_what_it_says_of_chance() -> None:
    strategies = {name: built_in(name) for name in ("v4", "random", "oracle")}
    plan = Plan(strategies, [find("T1"), find("T2-tight")], requests=40, replications=20)
    result = compare(plan, jobs=1).result()
    schemas.Simulated.model_validate(result)
    shown = schemas.Compared.model_validate(compared({"result": result, "runs": []}))
    assert shown.replications == 20
    assert [cell.group for cell in shown.cells] == [cell["group"] for cell in result["cells"]]
    assert len(shown.overall) == 3
    assert {cell.group for cell in shown.overall if cell.strategy == "oracle"} == {0}


def test_what_differs_in_hyperparameters_only_is_a_sweep() -> None:
    specs = ("v6", "v6:cooldown=2", "v6:fallback=untried", "v7:memory=9", "v4")
    plan = Plan({spec: built_in(spec) for spec in specs}, [find("T1")], 4, replications=2)
    result = compare(plan, jobs=1).result()
    schemas.Simulated.model_validate(result)
    (sweep,) = schemas.Compared.model_validate(compared({"result": result, "runs": []})).sweeps
    assert (sweep.family, sweep.strategies) == ("v6", list(specs[:3]))
    assert sweep.parameters == {
        "cooldown": [1.0, 2.0, 1.0],
        "fallback": ["published", "published", "untried"],
    }


def test_scores_of_different_numbers_of_requests_are_not_compared() -> None:
    runs = [ran(1, "v4", "T1", 58.0), {**ran(2, "v6", "T1", 55.0), "requests": 59}]
    shown = schemas.Compared.model_validate(compared({"result": None, "runs": runs}))
    assert [cell.behind.mean for cell in shown.cells] == [None, None]
    assert [cell.requests.mean for cell in shown.cells] == [60, 59]
    assert "different numbers of requests" in shown.verdicts[0].verdict


def test_nobody_is_ranked_where_the_machine_did_not_keep_up() -> None:
    runs = [ran(1, "v4", "T1", 58.0), ran(2, "v6", "T1", 55.0)]
    found = compared({"result": None, "runs": runs, "valid": False})
    shown = schemas.Compared.model_validate(found)
    assert {cell.behind.mean for cell in [*shown.cells, *shown.overall]} == {None}
    assert {each.verdict[:8] for each in shown.verdicts} == {"INVALID:"}


def test_latencies_of_all_scenarios_are_the_mean_of_theirs() -> None:
    slow = {**ran(2, "v4", "T2", 50.0), "latency_ms": {"p50": 4.0, "p99": None}}
    found = compared({"result": None, "runs": [ran(1, "v4", "T1", 58.0), slow]})
    (whole,) = schemas.Compared.model_validate(found).overall
    assert (whole.latency_ms.p50, whole.latency_ms.p99) == (3.0, None)


def test_nothing_yet() -> None:
    assert compared({"result": None, "runs": []}) is None
