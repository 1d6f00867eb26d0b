"""docs/results.md is as new as the strategies and scenarios, and says what the numbers say."""

import re
from typing import Any

import numpy as np
import pytest

from benchmarks.results import page, plans
from benchmarks.results.claims import CLAIMS, verdict
from benchmarks.results.lead import leads, ratio
from benchmarks.results.record import (
    FOLDER,
    PAGE,
    SMALL,
    fingerprint,
    load,
    named,
    recorded,
    result_scenarios,
    result_strategies,
)
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.compare import compare
from strategies import GAME

RECORDS = {requests: load(named(requests)) for requests in plans.RUNS}
STALE = "docs/results.md is older than what it tells of: run `make results`"


@pytest.mark.parametrize("requests", plans.RUNS)
def test_the_record_has_every_strategy_and_scenario(requests: int) -> None:
    record = RECORDS[requests]
    missing = set(GAME) - set(result_strategies(record))
    assert missing <= plans.AWAITED, STALE
    assert set(result_strategies(record)) <= set(GAME), STALE
    missing = set(scenarios.builtin()) - set(result_scenarios(record))
    assert missing <= plans.AWAITED_SCENARIOS, STALE
    assert set(result_scenarios(record)) <= set(scenarios.builtin()), STALE
    assert record["replications"] == plans.RUNS[requests], STALE


def test_the_numbers_on_record_are_those_of_today() -> None:
    """On a small version; whoever changes what strategies or servers do has to say so there."""
    today, kept = recorded(compare(plans.small(), jobs=1)), load(SMALL)
    assert flat(today) == pytest.approx(flat(kept), rel=1e-4, abs=1e-6, nan_ok=True), STALE


def flat(record: Any, path: str = "") -> dict[str, float]:
    """Every number by where it stands."""
    if isinstance(record, dict | list):
        pairs = record.items() if isinstance(record, dict) else enumerate(record)
        return {key: n for name, each in pairs for key, n in flat(each, f"{path}/{name}").items()}
    return {path: record} if isinstance(record, int | float) else {f"{path}={record}": 0.0}


def test_the_page_says_what_the_record_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = page.simulated(list(RECORDS.values()))
    assert page.placed("simulated", section, text) == text, STALE


@pytest.mark.parametrize("requests", plans.RUNS)
@pytest.mark.parametrize("name", ["regret", "latency"])
def test_the_plots_are_of_this_record(name: str, requests: int) -> None:
    svg = (FOLDER / f"{name}-{requests}.svg").read_text(encoding="utf-8")
    assert f"drawn from {fingerprint(RECORDS[requests])} " in svg, STALE


def test_every_claim_of_the_original_is_judged_at_each_length() -> None:
    rows = re.findall(r"^\| V.* is the best of V1-V8 on T\d \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(CLAIMS) * len(RECORDS)


def ahead(**intervals: tuple[float, float]) -> dict[str, Any]:
    """What was measured of v5: how far it is ahead of others."""
    estimates = {
        name: {"mean": float(np.mean(ends)), "ci95": list(ends)} for name, ends in intervals.items()
    }
    return {"champion": "v5", "ahead": estimates, "won": 0.2}


def test_a_claim_holds_if_all_others_are_beaten() -> None:
    said = verdict(ahead(v4=(0.5, 1.5), v6=(2.0, 4.0)))
    assert said == "holds: v5 is 1.00 (0.50 to 1.50) points ahead of v4, the next"


def test_a_claim_does_not_hold_if_another_is_better_for_sure() -> None:
    said = verdict(ahead(v4=(-5.0, 1.0), v6=(-2.0, -1.0)))
    assert said == "does not hold: v6 is 1.50 (1.00 to 2.00) points ahead of v5"


def test_a_claim_cannot_be_told_in_between() -> None:
    assert verdict(ahead(v4=(-1.0, 1.0), v6=(2.0, 3.0))).startswith("cannot be told: v5 is 0.00")


def test_the_lead_is_a_ratio_of_regrets_on_the_same_fleets() -> None:
    comparison = compare(plans.plan(("v4", "outlier", "lagrange"), ("T2",), 40, 30), jobs=1)
    found = leads(comparison, "lagrange")["T2"]["V1-V8 and baselines"]
    cells = {cell.strategy: cell.regret.mean for cell in comparison.cells}
    assert found["rival"] == min(("v4", "outlier"), key=cells.__getitem__)
    assert found["ratio"] == pytest.approx(cells["lagrange"] / cells[found["rival"]])
    assert found["ci95"][0] < found["ratio"] < found["ci95"][1]
    shown = page._leads({"leads": leads(comparison, "lagrange")})
    assert f"of `{found['rival']}` |" in shown
    assert leads(comparison, "cascade") == {}


def test_an_interval_of_equals_is_narrow() -> None:
    regret = np.random.default_rng(2).random(50)
    assert ratio(regret / 2, regret) == (0.5, (0.5, 0.5))


def test_a_section_is_replaced_and_the_others_stay() -> None:
    first = page.placed("peers", "stale", page.HEAD)
    both = page.placed("simulated", "numbers", first)
    again = page.placed("peers", "fresh", both)
    assert "fresh" in again
    assert "stale" not in again
    assert "numbers" in again
    assert again.startswith("# Results")
    assert page.placed("peers", "fresh", again) == again
