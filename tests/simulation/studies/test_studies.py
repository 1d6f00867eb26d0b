import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.intervals import Estimate
from flaky_load_balancer.simulation.comparison.workers import Executor, working
from flaky_load_balancer.simulation.studies import STUDIES, plots
from flaky_load_balancer.simulation.studies.parts import Players, reached
from flaky_load_balancer.simulation.studies.play import WORLDS, Setting, recorded
from flaky_load_balancer.simulation.studies.preferences import Preferences, fit_prior
from flaky_load_balancer.simulation.studies.prior import priors
from flaky_load_balancer.simulation.studies.report import Report, shown, together
from strategies.pilot import Pilot
from tests.programs import flb


def small(
    name: str,
    runs: int = 3,
    queries: int = 60,
    players: Players = Players(),  # noqa: B008 (frozen)
) -> Report:
    setting = Setting(
        scenarios.read(WORLDS / f"{STUDIES[name].world}.toml"), runs=runs, queries=queries
    )
    return STUDIES[name].play(setting, players)


@pytest.mark.parametrize(
    "name", [name for name in STUDIES if name not in {"a4", "a6", "a8", "budget", "steps"}]
)
def test_every_study_answers_its_question(name: str) -> None:
    report = small(name)
    assert report.study == name
    assert report.finding.endswith(".")
    for table in report.tables:
        assert table.rows
        assert all(len(row) == len(table.head) for row in table.rows)
    document = json.loads(json.dumps(report.json()))
    assert document["world"] == report.world
    assert document["tables"][0]["rows"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a6", "a8", "budget", "steps"])
def test_the_longer_studies_too(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: results)")
    report = small(name)
    assert report.finding.endswith(".")
    for plot in report.plots:
        svg, png = plots.write(plot, tmp_path)
        assert svg.read_text().startswith("<?xml")
        assert png.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_tuning_is_judged_on_another_seed() -> None:
    pytest.importorskip("optuna", reason="optuna is not installed (extra: tune)")
    assert len(small("a4", runs=2, queries=20).tables[0].rows) == 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["processes", "ray"])
def test_who_plays_does_not_matter(kind: Literal["processes", "ray"]) -> None:
    """Nor that other processes are sent settings and strategies, and not what follows from them."""
    if kind == "ray":
        pytest.importorskip("ray")
    told: list[str] = []
    with working(Executor(kind, jobs=2)) as mapped:
        others = Players(mapped, told.append)
        for name in ("a3", "a4", "a8", "prior") if kind == "processes" else ("prior",):
            if name == "a4":
                pytest.importorskip("optuna", reason="optuna is not installed (extra: tune)")
            alone, shared = (small(name, 2, 60, players) for players in (Players(), others))
            assert json.dumps(shared.json()) == json.dumps(alone.json())
            np.testing.assert_equal(
                [asdict(p) for p in shared.plots], [asdict(p) for p in alone.plots]
            )
    assert "wrong" in told


def test_a_setting_is_sent_without_what_follows_from_it() -> None:
    setting = Setting(scenarios.read(WORLDS / "llm-tasks.toml"), runs=2, queries=500)
    short = len(pickle.dumps(setting))
    assert setting.answers.quality.size
    assert len(pickle.dumps(setting)) == short
    assert pickle.loads(pickle.dumps(setting)) == setting


def test_fixed_choices_and_oracles_are_exact(tmp_path: Path) -> None:
    """Two tasks, two servers, each right for one: by task 1, at random 1/2, by chance less."""
    file = tmp_path / "two.csv"
    lines = [f"{n},{'ab'[n % 2]},{n % 2},{1 - n % 2}" for n in range(40)]
    file.write_text("qid,task,q:one,q:two\n" + "\n".join(lines) + "\n")
    answers = Setting(recorded(file), runs=3, queries=40).answers
    assert answers.task_oracle().mean() == answers.row_oracle().mean() == 1
    assert answers.utility.mean(axis=(0, 1)).tolist() == [0.5, 0.5]
    learnt = Setting(recorded(file), runs=3, queries=200)
    assert learnt.utility(learnt.play("linucb"))[:, 100:].mean() > 0.95
    assert learnt.utility(learnt.play("thompson-gauss"))[:, 100:].mean() < 0.7


@pytest.mark.slow
def test_a_useful_prior_helps_and_a_wrong_one_is_overcome(tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    lines = [f"{n},{'ab'[n % 2]},{0.2 + 0.7 * (n % 2)},{0.9 - 0.7 * (n % 2)}" for n in range(40)]
    file.write_text("qid,task,q:one,q:two\n" + "\n".join(lines) + "\n")
    setting = Setting(recorded(file), runs=4, queries=600)
    made = priors(setting)
    useful, wrong = (setting.play(Pilot(prior=made[kind])).reward for kind in ("useful", "wrong"))
    assert useful[:, :40].mean() > wrong[:, :40].mean() + 0.1
    assert wrong[:, -100:].mean() > 0.85


def test_preferences_are_foretold_by_the_prior_that_they_made() -> None:
    rng = np.random.default_rng(0)
    x = np.hstack([np.ones((400, 1)), rng.standard_normal((400, 3))])
    winner = (x[:, 1] > 0).astype(int)
    prior = fit_prior(Preferences(x, winner, 1 - winner), 2, rng)
    assert prior.accuracy > 0.9
    assert prior.servers.shape == (2, 4)


def test_queries_until_a_level_is_reached_for_good() -> None:
    course = np.concatenate([np.zeros(50), np.ones(50), np.zeros(50), np.ones(150)])
    values = np.tile(course, (2, 1))
    assert reached(values, 0.9, window=10) == 150
    assert reached(values, 1.1, window=10) is None
    assert reached(values, -1, window=10) == 0


def test_intervals_that_hold_together_are_wider() -> None:
    values = np.arange(10.0)
    assert together(values, 10).reach > together(values, 1).reach
    assert shown(Estimate(0.5, 0.4, 0.6)) == "0.5 ± 0.1"
    assert shown(None) == "-"


@pytest.mark.slow
def test_from_the_command_line(tmp_path: Path) -> None:
    words = "study", "a2", "--runs", "2", "--queries", "30", "--json", tmp_path / "r.json"
    done = flb(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "regret against the task oracle" in done.out
    assert json.loads((tmp_path / "r.json").read_text())["study"] == "a2"
    listed = flb("study", cwd=tmp_path)
    assert all(name in listed.out for name in STUDIES)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a7"], "there are a2"),
        (["a5", "--data", "nowhere.csv"], "nowhere.csv"),
        (["a5", "--runs", "1"], "--runs"),
    ],
)
def test_what_cannot_be_studied_is_refused(words: list[str], says: str, tmp_path: Path) -> None:
    done = flb("study", *words, cwd=tmp_path)
    assert done.code == 2
    assert says in done.err
