from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.engine.trace import Trace
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.scenarios import ScenarioError, parse
from flaky_load_balancer.simulation.worlds.table import AnswersError, read_answers
from flaky_load_balancer.simulation.worlds.world import rules_of, world_of
from strategies.linucb import LinUCB

TEXT = """
name = "two-tasks"
servers = 3
[tasks]
math = 1.0
chat = 3.0
[tasks.features]
d = 4
noise = 0.2
[quality]
math = [0.9, 0.5, 0.3]
chat = [0.8, 0.8, 0.7]
spread = 10.0
[cost]
usd = [0.01, 0.001, 0.0001]
sigma = 0.5
[delay]
reward = 5.0
[[faults]]
servers = [0]
from = 50.0
to = 80.0
kind = "quality"
factor = 0.5
[[faults]]
servers = [1]
from = 50.0
to = 80.0
kind = "price"
factor = 5.0
[[faults]]
servers = [2]
from = 50.0
to = inf
kind = "added"
"""
SCENARIO = parse(TEXT, source="two-tasks.toml")
SEEDS = chance.seeds(3, 50)
ROWS, ZERO = np.arange(50), np.zeros(50)


def drawn(count: int, arm: int, t: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    world = world_of(SCENARIO, SEEDS)
    assert world is not None
    at = ROWS, np.full(50, count), np.full(50, arm), np.full(50, t)
    return world.tasks(*at[:2]), world.quality(*at), world.cost(*at)


def test_means_and_shares_are_what_the_file_says() -> None:
    every = [drawn(count, 0) for count in range(1, 200)]
    task, quality, cost = (np.concatenate([each[n] for each in every]) for n in range(3))
    assert task.mean() == pytest.approx(0.75, abs=0.02)
    assert quality[task == 0].mean() == pytest.approx(0.9, abs=0.01)
    assert quality[task == 1].mean() == pytest.approx(0.8, abs=0.01)
    assert quality.var() == pytest.approx(0.8 * 0.2 / 11, rel=0.4)  # of a Beta, not of a coin
    assert np.log(cost).mean() == pytest.approx(np.log(0.01), abs=0.02)
    assert np.log(cost).std() == pytest.approx(0.5, abs=0.03)


def test_features_mark_the_task_through_noise() -> None:
    world = world_of(SCENARIO, SEEDS)
    assert world is not None
    xs = np.concatenate([world.features(ROWS, np.full(50, k)) for k in range(1, 100)])
    task = np.concatenate([world.tasks(ROWS, np.full(50, k)) for k in range(1, 100)])
    assert xs.shape == (50 * 99, 4)
    marks = xs[np.arange(len(xs)), task]
    assert marks.mean() == pytest.approx(1, abs=0.01)
    assert marks.std() == pytest.approx(0.2, abs=0.01)
    assert xs[:, 2:].std(axis=0) == pytest.approx([1, 1], abs=0.05)


def test_features_may_be_digits_of_the_task() -> None:
    text = """
name = "digits"
servers = 2
[failure]
values = [0.1, 0.1]
[tasks]
a = 1
b = 1
c = 1
[tasks.features]
code = "binary"
noise = 0.0
d = 3
"""
    scenario = parse(text, source="test")
    world = world_of(scenario, SEEDS)
    assert world is not None
    at = ROWS, np.arange(1, 51)
    x, task = world.features(*at), world.tasks(*at)
    digits = np.array([[-1, -1], [1, -1], [-1, 1]])
    assert (x[:, :2] == digits[task]).all()
    assert x[:, 2].std() > 0.5
    assert rules_of(scenario, Rules(2)).tasks == world.marks == (0, 0)


def test_faults_change_quality_price_and_who_is_there() -> None:
    assert drawn(7, 0, 60.0)[1].mean() < 0.6 * drawn(7, 0)[1].mean()
    assert drawn(7, 1, 60.0)[2] == pytest.approx(5 * drawn(7, 1)[2])
    world = world_of(SCENARIO, SEEDS)
    assert world is not None
    present = world.present(np.array([0.0, 60.0]))
    assert present is not None
    assert present.tolist() == [[True, True, False], [True, True, True]]


def test_no_cost_is_above_what_is_reserved() -> None:
    world = world_of(SCENARIO, SEEDS)
    assert world is not None
    for count in range(1, 300):
        at = ROWS, np.full(50, count)
        assert (drawn(count, 0)[2] <= world.most(*at, ZERO)[:, 0] + 1e-12).all()


def test_the_game_with_contexts_adds_up() -> None:
    """Score = rewards - what they cost; a reward is told once, delay seconds after the answer."""
    rules = rules_of(SCENARIO, Rules(3, usd=10.0))
    assert (rules.features, rules.tasks, rules.rewards) == (4, (0, 2), True)
    told = _Listening()
    trace = Trace(4, 60)
    run = simulate(told, SCENARIO, rules, requests=60, replications=4, rate=2.0, trace=trace)
    assert run.score == pytest.approx((trace.reward - 10.0 * trace.cost).sum(axis=1))
    assert run.delivered.tolist() == [60] * 4
    assert (trace.arm < 2)[:, :95].all()  # the third server came after 50 s, when all was over
    assert len(told.rewards) == len(set(told.rewards)) == 4 * 60
    assert {round(late, 3) for late in told.late} == {5.0}


class _Listening(LinUCB):
    """LinUCB that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[tuple[int, int]] = []
        self.answered: dict[tuple[int, int], float] = {}
        self.late: list[float] = []

    def observe(self, feedback):  # type: ignore[no-untyped-def]
        for row, request, now in zip(feedback.rows, feedback.request, feedback.now, strict=True):
            self.answered[int(row), int(request)] = float(now)
        super().observe(feedback)

    def reward(self, reward):  # type: ignore[no-untyped-def]
        for row, request, now in zip(reward.rows, reward.request, reward.now, strict=True):
            self.rewards.append((int(row), int(request)))
            self.late.append(float(now) - self.answered[int(row), int(request)])
        super().reward(reward)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("math = 1.0", "math = -1"), "tasks.math"),
        (("d = 4", "d = 1"), "tasks.features.d"),
        (("chat = [0.8, 0.8, 0.7]", "chat = [0.8, 0.8]"), "quality.chat"),
        (("chat = [0.8, 0.8, 0.7]", "talk = [0.8, 0.8, 0.7]"), "quality.chat"),
        (("spread = 10.0", "spread = 0"), "quality.spread"),
        (("usd = [0.01", "dollars = [0.01"), "cost.math"),
        (("reward = 5.0", "rewards = 5.0"), "delay.rewards"),
        (("factor = 0.5", "factors = 0.5"), "factor"),
        (("[delay]", '[table]\nfile = "x.csv"\n[delay]'), "expected no such table beside"),
    ],
)
def test_what_is_wrong_is_named(change: tuple[str, str], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        parse(TEXT.replace(*change), source="two-tasks.toml")


TABLE = "qid,task,text,q:a,q:b,cost:a\n1,m,what,1,0.5,0.01\n2,c,who,0,0.25,0.02\n3,m,why,1,0,0.03\n"


def test_a_table_is_replayed_in_random_order(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(TABLE)
    scenario = parse(
        'name = "t"\nservers = 2\n[table]\nfile = "answers.csv"', source=str(tmp_path / "t.toml")
    )
    world = world_of(scenario, SEEDS)
    assert world is not None
    assert world.labels == ("c", "m")
    firsts = world.quality(ROWS, np.ones(50, dtype=int), np.zeros(50, dtype=int), ZERO)
    assert set(firsts) == {0.0, 1.0}
    for row in range(5):
        at = np.full(3, row), np.array([1, 2, 3])
        costs = world.cost(*at, np.zeros(3, dtype=int), np.zeros(3))
        assert sorted(costs) == [0.01, 0.02, 0.03]
    quality, cost = world.worth(0.0)
    assert quality.tolist() == [[0, 0.25], [1, 0.25]]
    assert cost.tolist() == [[0.02, 0], [0.02, 0]]
    assert world.weights().tolist() == pytest.approx([1 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column q:<model>"),
        ("qid,task\n1,a\n", "no column q:<model>"),
        ("q:a\n", "no query"),
        ("q:a,q:a\n1,1\n", "twice"),
        ("q:a\n2\n", "row 2, q:a: expected a number from 0 to 1"),
        ("q:a\nyes\n", "row 2, q:a"),
        ("q:a\nnan\n", "row 2, q:a"),
        ("q:a,cost:a\n1,-1\n", "row 2, cost:a: expected a number of at least 0"),
        ("q:a,text\n1\n", "row 2 has 1 fields, the head 2"),
    ],
)
def test_a_table_that_is_wrong_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(text)
    with pytest.raises(AnswersError, match=says):
        read_answers(file)


def test_features_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(TABLE)
    answers = read_answers(file)
    features, marks = answers.features(["task", "hash:8"])
    assert features.shape == (3, 1 + 2 + 8)
    assert marks == (1, 3)
    assert features[:, 1:3].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert answers.features([])[0].tolist() == [[1], [1], [1]]
