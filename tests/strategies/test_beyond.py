"""Strategies for which no line is enough: what they learn, and what it takes."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.registry import UnknownStrategyError, parse
from strategies.bootstrap_trees import BootstrapTrees
from strategies.lints import LinThompson
from strategies.linucb import LinUCB
from strategies.neural_linear import NeuralLinear
from strategies.parts.belief import Belief
from strategies.parts.represented import Represented
from strategies.parts.ridge import Ridge
from strategies.parts.trees import Trees
from tests.strategies.contexts import ROW, RULES, Desk

PLAIN = replace(RULES, tasks=(0, 0))
SMALL: dict[str, Strategy] = {
    "neural-linear": NeuralLinear(hidden=8, memory=200),
    "bootstrap-trees": BootstrapTrees(),
}


def crossed(n: int, seed: int = 0) -> Floats:
    """(n, 4) two signs, whose product says which server is good, and two numbers of noise."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], (n, 2))
    return np.hstack([signs, rng.standard_normal((n, 2))])


def value(arm: int, x: Floats) -> float:
    return [0.9, 0.1][arm if x[0] * x[1] > 0 else 1 - arm] if arm < 2 else 0.5


def mean_worth(strategy: Strategy, n: int) -> float:
    """Of the last hundred of n requests."""
    desk, worth = Desk(strategy, PLAIN), []
    for x in crossed(n):
        arm = desk.ask(x).arm.item()
        worth.append(value(arm, x))
        desk.answer(arm, x, worth[-1])
    return float(np.mean(worth[-100:]))


@pytest.mark.parametrize(("name", "queries"), [("neural-linear", 300), ("bootstrap-trees", 400)])
def test_they_learn_what_no_line_can_say(name: str, queries: int) -> None:
    assert mean_worth(SMALL[name], queries) > 0.66
    assert mean_worth(LinUCB(), queries) < 0.65


def test_features_that_foretell_are_believed_and_others_are_not() -> None:
    rng, everybody = np.random.default_rng(0), np.arange(2)
    belief, luck = Belief(2, first=0.0), rng.standard_normal((300, 2))
    assert (belief.of(everybody) == 0).all()
    for p, e in zip(luck, rng.standard_normal((300, 2)), strict=True):
        belief.judge(everybody, p, np.array([e[0], p[1] + 0.3 * e[1]]))
    assert belief.of(everybody)[0] < 0.2
    assert belief.of(everybody)[1] > 0.9
    assert [belief.of_one(row) for row in range(2)] == belief.of(everybody).tolist()


def test_many_features_that_mean_nothing_cost_little() -> None:
    """Believed wholly, as by LinUCB, they are taken for what makes the difference."""
    rng = np.random.default_rng(1)
    rules = replace(RULES, features=32, tasks=(0, 0))
    desk, right = Desk(LinThompson(), rules), []
    for x in rng.standard_normal((600, 32)):
        arm = desk.ask(x).arm.item()
        right.append(arm == 0)
        desk.answer(arm, x, float(rng.random() < [0.8, 0.6, 0.5][arm]))
    assert np.mean(right[-300:]) > 0.9


def test_a_network_without_use_leaves_the_line_as_it_is() -> None:
    """Values on a line: what is left of them teaches nothing, and is not believed."""
    rng = np.random.default_rng(2)
    line = Ridge(1, 2, 3, strength=1.0)
    model = Represented(line, 1, strength=1.0, hidden=8, rate=0.01, memory=100, rng=rng)
    for x in rng.standard_normal((300, 3)):
        worth = np.array([0.5 + 0.1 * x[0] + 0.3 * rng.standard_normal()])
        model.learn(ROW, rng.integers(2, size=1), x[None, :], worth)
    x = rng.standard_normal((1, 3))
    assert np.allclose(model.mean(ROW, x), line.mean(ROW, x), atol=0.05)


def test_a_regression_made_anew_is_that_of_its_values() -> None:
    rng = np.random.default_rng(3)
    x, values = rng.standard_normal((20, 3)), rng.random(20)
    one, other = (Ridge(1, 2, 3, strength=2.0, centre=False) for _ in range(2))
    for each, worth in zip(x, values, strict=True):
        one.learn(ROW, np.array([1]), each[None, :], np.array([worth]))
    other.refit(1, x, values)
    assert np.allclose(one.mean(ROW, x[:1]), other.mean(ROW, x[:1]))
    assert np.allclose(one.width(ROW, x[:1]), other.width(ROW, x[:1]))


def test_trees_are_scikit_learns() -> None:
    tree = pytest.importorskip("sklearn.tree").DecisionTreeRegressor
    rng = np.random.default_rng(4)
    model = Trees(2, 2, 3, members=3, memory=60, leaf=5, rng=rng)
    x = rng.standard_normal((60, 3)).astype(np.float32).astype(float)
    values = (x[:, 0] * x[:, 1] > 0).astype(float)
    for each, worth in zip(x, values, strict=True):
        model.learn(ROW + 1, np.array([1]), each[None, :], np.array([worth]))
    lane, grown = 3, model.grown[3]
    member = int(grown.argmax())
    chance = lane + int(grown[member])
    plain = tree(max_leaf_nodes=16, min_samples_leaf=5, max_features=0.5, random_state=chance)
    known = slice(0, int(grown[member]))
    plain.fit(x[known], values[known], sample_weight=model.times[lane, known, member])
    rows = np.full(60, 1)
    ours = model.member(rows, x, np.full(60, member))
    assert np.allclose(ours[:, 1], plain.predict(x))
    assert (ours[:, 0] == 0).all()
    assert model.pulls(ROW + 1).tolist() == [[0.0, 60.0]]


def test_corrected_values_are_learnt_anew() -> None:
    rng = np.random.default_rng(5)
    trees = Trees(1, 1, 1, members=1, memory=10, leaf=1, rng=rng)
    line = Ridge(1, 1, 1)
    network = Represented(line, 1, strength=1.0, hidden=2, rate=0.01, memory=10, rng=rng)
    x = np.array([[0.5]])
    for model in (trees, network):
        model.learn(ROW, ROW, x, np.array([0.25]))
        model.correct(ROW, ROW, x, np.array([0.5]))
        assert model.value[0, 0] == 0.75


def test_without_scikit_learn_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    with pytest.raises(UnknownStrategyError, match=r"bootstrap-trees: .*load-balancer\[learners\]"):
        parse("bootstrap-trees")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("neural-linear:hidden=0", "hidden"),
        ("neural-linear:rate=2", "rate"),
        ("neural-linear:decay=0.9", "decay"),
        ("neural-linear:centre=false", "centre"),
        ("bootstrap-trees:members=0", "members"),
        ("bootstrap-trees:leaf=0.5", "leaf"),
        ("bootstrap-trees:decay=0.9", "memory"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(spec: str, message: str) -> None:
    with pytest.raises(UnknownStrategyError, match=message):
        parse(spec)
