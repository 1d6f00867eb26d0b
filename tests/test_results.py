"""docs/results.md is as new as the strategies and scenarios, and says what the numbers say."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.results import hurry, loads, page, plans
from benchmarks.results.claims import CLAIMS, verdict
from benchmarks.results.lead import LEADER, leads, ratio
from benchmarks.results.record import (
    FOLDER,
    PAGE,
    SMALL,
    cells,
    fingerprint,
    load,
    merged,
    named,
    recorded,
    result_scenarios,
    result_strategies,
    there,
)
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from strategies import GAME
from strategies.cascade import Cascade
from strategies.v4_thompson import Thompson

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


def test_some_scenarios_are_measured_anew_and_the_others_stay() -> None:
    old = RECORDS[100]
    order = result_scenarios(old)
    some = [cell for cell in old["cells"] if cell["scenario"] in {"T2", "slow"}]
    new = {**old, "cells": [{**cell, "group": 99} for cell in some], "claims": {}}
    new |= {"sentences": {"slow": "anew"}, "leads": {"T2": "anew"}}
    both = merged(old, new, order)
    assert [(c["strategy"], c["scenario"]) for c in both["cells"]] == [
        (c["strategy"], c["scenario"]) for c in old["cells"]
    ]
    assert {c["scenario"] for c in both["cells"] if c["group"] == 99} == {"T2", "slow"}
    assert both["sentences"] == {**old["sentences"], "slow": "anew"}
    assert list(both["leads"]) == order
    assert (both["leads"]["T2"], both["leads"]["T1"]) == ("anew", old["leads"]["T1"])
    assert both["claims"] == old["claims"]


@pytest.mark.parametrize("rate", loads.RATES)
@pytest.mark.parametrize("wanted", loads.LOADS)
def test_a_fleet_is_loaded_as_its_name_says(wanted: float, rate: int) -> None:
    fleet = Fleet.draw(loads.at(wanted, rate), 5, replications=10, rate=float(rate))
    (limited,) = fleet.limits
    load = rate / limited.capacity(fleet.success, 1.0)
    assert load == pytest.approx(np.full(10, wanted), rel=1.1 * loads.NEAR)


def test_the_record_has_every_load_at_every_rate() -> None:
    files = {loads.named(rate): requests for rate, requests in loads.RATES.items()}
    assert {name for name in files if not there(name)} <= plans.AWAITED_FILES, STALE
    for record in loads.measured():
        assert record["requests"] == loads.RATES[int(record["rate"])], STALE
        assert record["replications"] == loads.FLEETS, STALE
        assert result_scenarios(record) == [f"load {each:g}" for each in loads.LOADS], STALE
        assert result_strategies(record) == list(loads.STRATEGIES), STALE


def test_the_record_of_waiting_has_every_price() -> None:
    assert there(hurry.FILE) or hurry.FILE in plans.AWAITED_FILES, STALE
    for record in there(hurry.FILE):
        assert result_scenarios(record) == list(hurry.SCENARIOS), STALE
        assert result_strategies(record) == list(hurry.plan().strategies), STALE


def test_the_page_says_what_the_records_of_loads_and_waiting_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for record in there(hurry.FILE):
        assert page.placed("hurry", hurry.section(record), text) == text, STALE
    if loads.measured():
        assert page.placed("loads", loads.section(loads.measured()), text) == text, STALE


def test_a_table_of_loads_shows_regret_steady_score_and_latency_of_everybody() -> None:
    small = replace(loads.plan(50, 30, 4), scenarios=[loads.at(0.6, 50)])
    small = replace(
        small,
        strategies={
            name: Cascade() if name == LEADER else Thompson() for name in ("v6", "lagrange", LEADER)
        },
    )
    record = recorded(compare(small, jobs=1))
    text = loads.section([record])
    assert "### Load 0.6" in text
    cell = cells(record, "load 0.6")["lagrange"]
    steady = f"{100 / 30 * cell['steady_score']['mean']:z.2f}"
    assert re.search(rf"\| `lagrange` \| .*; {steady}; [\d.]+ / [\d.]+ \|", text)
    assert re.search(r"\| load 0.6 \| .* of `(v6|lagrange)`; [\d.]+ and [\d.]+ \|", text)


def test_a_table_of_waiting_shows_score_and_latency_at_every_price() -> None:
    small = replace(
        hurry.plan(), scenarios=[scenarios.find("T2-tight")], requests=20, replications=2
    )
    record = recorded(compare(small, jobs=1))
    text = hurry.section(record)
    assert len(re.findall(r"^\| `cascade:hurry=", text, re.MULTILINE)) == len(hurry.PRICES)


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
