"""``flb tune``: ranges, trials, resuming, the verdict, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flaky_load_balancer.cli.tune import main
from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.comparison.workers import workers
from flaky_load_balancer.simulation.scenarios import find
from flaky_load_balancer.simulation.tuning import extras
from flaky_load_balancer.simulation.tuning.ranges import Range, ranges
from flaky_load_balancer.simulation.tuning.search import Search, cost, ended, opened, scores
from flaky_load_balancer.simulation.tuning.search import _address as address
from flaky_load_balancer.simulation.tuning.show import _line
from flaky_load_balancer.simulation.tuning.tune import tune
from flaky_load_balancer.terminal import Output
from strategies.v6_thompson_masked import ThompsonMasked

pytest.importorskip("optuna")

COOLDOWN = Range("cooldown", 0.01, 20.0, log=True)


def search(**more: Any) -> Search:
    strategy = ThompsonMasked()
    plan = Plan({"v6": strategy}, [find("T2-tight")], requests=40, replications=36)
    return Search(strategy, [COOLDOWN], plan, **more)


def test_without_a_word_numbers_are_searched_around_their_defaults() -> None:
    found = {each.name: each for each in ranges(parse("v7"), [])}
    assert found.keys() == {"memory", "cooldown", "a", "b"}
    assert (found["memory"].low, found["memory"].high, found["memory"].whole) == (6, 150, True)
    assert (found["cooldown"].low, found["cooldown"].high) == (0.2, 5.0)


def test_the_ends_of_a_range_are_values_that_the_strategy_takes() -> None:
    (discount,) = (each for each in ranges(parse("d-ts"), []) if each.name == "discount")
    assert 0.999 < discount.high <= 1
    assert parse(f"d-ts:discount={discount.high}")
    assert parse(f"v4:a={ranges(parse('v4:a=0.2'), [])[0].low}")


def test_ranges_are_read() -> None:
    strategy = parse("v7")
    asked = ["memory=5..60", "cooldown=0.1..5:log", "fallback=published|untried", "a=1|2"]
    assert ranges(strategy, asked) == [
        Range("memory", 5, 60, whole=True),
        Range("cooldown", 0.1, 5, log=True),
        Range("fallback", choices=("published", "untried")),
        Range("a", choices=(1.0, 2.0)),
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("cooldwn=1..2", "there are cooldown, fallback, a, b"),
        ("cooldown=2..1", "from a number to a higher one"),
        ("cooldown=0..1:log", "equal factors need a range above 0"),
        ("cooldown=-1..1", "cooldown must be a number at least 0"),
        ("fallback=published|never", "fallback must be published or untried"),
        ("cooldown=x|y", "'x' is no value of it"),
        ("cooldown=1", "give several values"),
    ],
)
def test_a_range_that_cannot_be_is_refused(asked: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"--range {asked.replace('|', '.')}: .*{said}"):
        ranges(ThompsonMasked(), [asked])


def test_a_strategy_without_parameters_has_nothing_to_tune() -> None:
    with pytest.raises(SettingsError, match="no parameter to tune"):
        ranges(parse("round-robin"), [])


def test_rungs_are_a_ninth_a_third_and_all() -> None:
    assert search().rungs() == [4, 12, 36]


def test_a_trial_that_lags_behind_plays_fewer_fleets() -> None:
    tuned = search(pruner="halving")
    study = opened(tuned, "x", None)
    tuned.run(study, 12, lambda _: None)
    assert len(ended(study)) == 12
    assert study.trials[0].params == {"cooldown": 1.0}  # the defaults come first
    played = {trial.state.name: trial.user_attrs["fleets"] for trial in study.trials}
    assert played["COMPLETE"] == 36
    assert played["PRUNED"] in {4, 12}
    assert cost(study) == sum(trial.user_attrs["fleets"] for trial in study.trials) < 12 * 36


@pytest.mark.slow
def test_who_plays_a_batch_does_not_matter_to_what_is_found() -> None:
    found = []
    with workers(3) as shared:
        for mapped in (map, shared):
            tuned = tune(search(batch=4, mapped=mapped), "v6", 9, None, lambda *_: None)
            found.append(tuned.json())
    assert json.dumps(found[0]) == json.dumps(found[1])
    states = [trial["state"] for trial in found[0]["trials"]]
    assert len(states) == 9
    assert set(states) == {"complete", "pruned"}


def test_a_batch_is_drawn_before_any_of_it_has_ended() -> None:
    tuned = search(batch=3, sampler="random", pruner="none")
    study = opened(tuned, "x", None)
    told: list[tuple[int, list[str]]] = []

    def tell(trial: Any) -> None:
        told.append((trial.number, [each.state.name for each in study.trials]))

    tuned.run(study, 4, tell)
    assert [number for number, _ in told] == [0, 1, 2, 3]
    assert told[0][1] == ["COMPLETE", "RUNNING", "RUNNING"]
    assert told[3][1] == ["COMPLETE"] * 4
    alone = search(sampler="random", pruner="none")  # a batch is no matter to chance
    other = opened(alone, "x", None)
    alone.run(other, 4, lambda _: None)
    assert [each.params for each in other.trials] == [each.params for each in study.trials]


def test_values_that_cannot_be_together_are_not_played(capsys: pytest.CaptureFixture[str]) -> None:
    strategy = parse("lagrange")
    asked = ranges(strategy, ["price=0.05..0.2", "cheapest=0.03..0.1"])
    tuned = Search(strategy, asked, search().plan, sampler="random", pruner="none", batch=12)
    study = opened(tuned, "x", None)
    tuned.run(study, 12, lambda trial: _line(Output(None), "tune", trial))
    fleets = {trial.user_attrs["fleets"] for trial in study.trials}
    assert fleets == {0, 36}
    assert capsys.readouterr().out.count("no such strategy") == sum(
        trial.user_attrs["fleets"] == 0 for trial in ended(study)
    )
    assert study.best_trial.params["cheapest"] <= study.best_trial.params["price"]


def test_trials_that_were_interrupted_have_failed() -> None:
    def interrupted(*_: object) -> Any:
        raise KeyboardInterrupt

    broken = search(batch=2, mapped=interrupted)
    study = opened(broken, "x", None)
    with pytest.raises(KeyboardInterrupt):
        broken.run(study, 4, lambda _: None)
    assert [each.state.name for each in study.trials] == ["FAIL", "FAIL"]


def test_fleets_in_pieces_are_the_fleets_of_the_seed() -> None:
    plan = search().plan
    (whole,) = scores(plan, [parse("round-robin")], 0, 12)
    pieces = [next(scores(plan, [parse("round-robin")], first, 4)) for first in (0, 4, 8)]
    np.testing.assert_allclose(np.concatenate(pieces), whole)


@pytest.mark.slow
def test_what_is_found_is_judged_on_other_fleets_and_against_chance(tmp_path: Path) -> None:
    made = search()
    tuned = tune(made, "v6", 8, None, lambda *_: None)
    result = tuned.json()
    assert result["verdict"]["seed"] == 1
    each = result["verdict"]
    gained = each["tuned"]["mean"] - each["default"]["mean"]
    assert each["over_default"]["mean"] == pytest.approx(gained)
    assert each["over_default"]["ci95"][0] < gained < each["over_default"]["ci95"][1]
    assert 0 < result["fleets"]["random"] <= result["fleets"]["tuned"] + 18
    again = parse(result["best"])
    fresh = Plan({"": again}, made.plan.scenarios, requests=40, replications=36, seed=1)
    assert next(scores(fresh, [again], 0, 36)).mean() == pytest.approx(each["tuned"]["mean"])


@pytest.mark.slow
def test_a_search_goes_on_where_it_was(tmp_path: Path) -> None:
    file = str(tmp_path / "tune.db")
    short = tune(search(), "v6", 3, file, lambda *_: None)
    began = [trial.params for trial in short.study.trials]
    told: list[str] = []
    longer = tune(search(), "v6", 5, file, lambda what, _: told.append(what))
    assert told.count("tune") == 2
    params = [trial.params["cooldown"] for trial in longer.study.trials]
    assert [{"cooldown": each} for each in params[:3]] == began
    assert len(set(params)) == 5  # and does not begin again
    other = search(sampler="random")
    tune(other, "v6", 2, file, lambda what, _: told.append(what))
    assert told.count("tune") == 4  # other settings are another search


def test_addresses_are_those_of_sqlalchemy() -> None:
    assert address(None) is None
    assert address("a/b.db") == "sqlite:///a/b.db"
    assert address("postgresql://u@h/d") == "postgresql+psycopg://u@h/d"
    assert address("sqlite:///x.db") == "sqlite:///x.db"


def called(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=True)


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    few = ["--trials", "3", "--replications", "4", "--requests", "20", "--json", str(file)]
    result = called("v6", "--scenario", "T2", "--range", "cooldown=0.1..5:log", *few)
    assert result.exit_code == 0, result.output
    assert "tune 2: " in result.output
    written = json.loads(file.read_text())
    assert written["strategy"] == "v6"
    assert len(written["trials"]) == 3
    assert written["verdict"]["sentence"].split(",")[0] in " ".join(result.output.split())


def test_plots_are_written_as_svg(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    few = ["--trials", "4", "--replications", "4", "--requests", "20", "--out", str(tmp_path)]
    result = called("v6", "--scenario", "T2-tight", *few)
    assert result.exit_code == 0, result.output
    for name in ("tune-history.svg", "tune-importance.svg"):
        assert "<svg" in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["v99"], "'v99' is unknown"),
        (["oracle"], "has to be told the truth"),
        (["v6", "--scenario", "nowhere"], "unknown scenario"),
        (["v6", "--storage", "/nowhere/at/all/x.db"], "--storage: the database cannot be used"),
    ],
)
def test_what_cannot_be_tuned_is_refused(words: list[str], said: str) -> None:
    result = called(*words)
    assert isinstance(result.exception, SettingsError)
    assert said in str(result.exception)


def test_a_gaussian_process_needs_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"--sampler gp: .* pip install torch"):
        opened(search(sampler="gp"), "x", None)
