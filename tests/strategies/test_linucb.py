from dataclasses import replace

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Floats
from strategies.lin_eps_greedy import LinEpsGreedy
from strategies.lints import LinThompson
from strategies.linucb import LinUCB
from strategies.parts.ridge import Ridge
from tests.strategies.contexts import ROW, RULES, Desk, requests, worth


class Plain:
    """LinUCB as algorithm 1 of Li et al. 2010 writes it, with an inverse at every step."""

    def __init__(self, alpha: float, strength: float) -> None:
        self.alpha = alpha
        self.a = np.array([strength * np.eye(4)] * 3)
        self.b = np.zeros((3, 4))

    def choose(self, x: Floats) -> int:
        inverse = np.linalg.inv(self.a)
        theta = np.einsum("kde,ke->kd", inverse, self.b)
        return int(
            (theta @ x + self.alpha * np.sqrt(np.einsum("d,kde,e->k", x, inverse, x))).argmax()
        )

    def learn(self, arm: int, x: Floats, value: float) -> None:
        self.a[arm] += np.outer(x, x)
        self.b[arm] += value * x


@pytest.mark.parametrize(("alpha", "strength"), [(0.1, 0.05), (1.0, 1.0), (0.0, 3.0)])
def test_it_decides_as_the_published_algorithm(alpha: float, strength: float) -> None:
    plain, desk = Plain(alpha, strength), Desk(LinUCB(alpha=alpha, strength=strength, centre=False))
    for x in requests(400):
        arm = desk.ask(x).arm.item()
        assert arm == plain.choose(x)
        value = worth(arm, x)
        desk.answer(arm, x, value)
        plain.learn(arm, x, value)


def test_alpha_by_its_bound() -> None:
    assert LinUCB(delta=0.05).width == pytest.approx(1 + np.sqrt(np.log(40) / 2))


def test_high_rewards_hold_it_on_the_first_server_and_centring_frees_it() -> None:
    """A server never tried has the score alpha |x|, which every reward near 1 exceeds."""

    def shares(strategy: LinUCB) -> Floats:
        desk, counts = Desk(strategy), np.zeros(3)
        for x in np.tile(np.eye(4)[:2], (150, 1)):
            arm = desk.ask(x).arm.item()
            counts[arm] += 1
            desk.answer(arm, x, [0.80, 0.90, 0.99][arm])
        return counts / 300

    trapped = shares(LinUCB(alpha=0.2, strength=1.0, centre=False))
    freed = shares(LinUCB(alpha=0.2, strength=1.0))
    assert trapped[0] > 0.95
    assert freed[2] > 0.8


def test_it_learns_which_server_is_good_at_which_task() -> None:
    for strategy in (LinUCB(), LinThompson(), LinEpsGreedy()):
        desk, right = Desk(strategy), 0
        for number, x in enumerate(requests(1200)):
            arm = desk.ask(x).arm.item()
            right += number >= 600 and arm == int(x[1] > x[0])
            desk.answer(arm, x, worth(arm, x))
        assert right > 0.9 * 600, strategy


def test_a_batch_learns_as_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    x, value = rng.standard_normal((6, 4)), rng.random(6)
    rows, arm = np.arange(6), rng.integers(3, size=6)
    batch, single = Ridge(6, 3, 4), Ridge(6, 3, 4)
    for _ in range(3):
        batch.learn(rows, arm, x, value)
        for n in range(6):
            single.learn(rows[n : n + 1], arm[n : n + 1], x[n : n + 1], value[n : n + 1])
    assert np.allclose(batch.mean(rows, x), single.mean(rows, x))
    assert np.allclose(batch.width(rows, x), single.width(rows, x))
    one = np.concatenate([single.mean(rows[n : n + 1], x[n : n + 1]) for n in range(6)])
    assert np.allclose(one, batch.mean(rows, x))


def test_decay_is_a_weighted_regression() -> None:
    """gamma 0.9: the k-th last observation counts 0.9^k, and the prior as ever."""
    rng = np.random.default_rng(1)
    xs, values = rng.standard_normal((20, 4)), rng.random(20)
    ridge = Ridge(1, 1, 4, strength=0.5, decay=0.9, centre=False)
    for x, value in zip(xs, values, strict=True):
        ridge.learn(ROW, ROW, x[None, :], np.array([value]))
    weights = 0.9 ** np.arange(19, -1, -1)
    a = (weights[:, None] * xs).T @ xs + 0.5 * np.eye(4)
    theta = np.linalg.solve(a, xs.T @ (weights * values))
    x = np.array([[1.0, -1.0, 0.5, 2.0]])
    assert ridge.mean(ROW, x).item() == pytest.approx(float(x[0] @ theta))
    assert ridge.width(ROW, x).item() == pytest.approx(
        float(np.sqrt(x[0] @ np.linalg.solve(a, x[0])))
    )


def test_a_reward_that_is_corrected_counts_as_if_it_had_been_right() -> None:
    right, corrected = Desk(LinUCB()), Desk(LinUCB())
    for number, x in enumerate(requests(60)):
        arm, value = number % 3, worth(number % 3, x)
        for desk in (right, corrected):
            desk.ask(x)
        right.answer(arm, x, value)
        corrected.answer(arm, x, 0.5)
        corrected.judge(arm, x, value, previous=0.5)
    for x in requests(20, seed=9):
        assert np.allclose(right.ask(x).index, corrected.ask(x).index)  # type: ignore[arg-type]


def test_nothing_is_learnt_of_quality_before_the_reward_is_known() -> None:
    desk = Desk(LinUCB())
    x = requests(1)[0]
    before = desk.ask(x).index
    desk.strategy.observe(_success(x))
    assert np.array_equal(desk.ask(x).index, before)  # type: ignore[arg-type]


def _success(x: Floats) -> Feedback:
    zero = np.zeros(1)
    return Feedback.of(ROW, zero, ROW, ROW, zero, np.array([np.nan]), features=x[None, :])


def test_costs_count_as_much_as_the_rules_say() -> None:
    """Server 0 is a little better and a hundred times as dear."""

    def choices(usd: float) -> float:
        desk, cheap = Desk(LinUCB(), replace(RULES, usd=usd)), 0
        for number, x in enumerate(requests(400)):
            arm = desk.ask(x).arm.item()
            cheap += number >= 200 and arm == 1
            desk.answer(arm, x, [0.9, 0.85, 0.1][arm], cost=[0.01, 0.0001, 0.0001][arm])
        return cheap / 200

    assert choices(usd=0.0) < 0.1
    assert choices(usd=20.0) > 0.9


def test_a_centred_regression_is_about_the_level_of_its_server() -> None:
    """level = (t + m) / (n + 1), m the mean of all; theta of values less level; two precisions."""
    rng = np.random.default_rng(2)
    strength = np.array([0.5, 0.5, 5.0, 5.0])
    ridge, x = Ridge(1, 2, 4, strength=strength), rng.standard_normal((30, 4))
    arm, value = rng.integers(2, size=30), rng.random(30)
    for n in range(30):
        one = slice(n, n + 1)
        ridge.learn(ROW, arm[one], x[one], value[one])
    new = rng.standard_normal((1, 4))
    for server in range(2):
        mine = arm == server
        count = np.count_nonzero(mine)
        level = (value[mine].sum() + value.mean()) / (count + 1)
        a = x[mine].T @ x[mine] + np.diag(strength)
        theta = np.linalg.solve(a, x[mine].T @ (value[mine] - level))
        width = np.sqrt(new[0] @ np.linalg.solve(a, new[0]) + 1 / (count + 1))
        assert ridge.mean(ROW, new)[0, server] == pytest.approx(level + new[0] @ theta)
        assert ridge.width(ROW, new)[0, server] == pytest.approx(width)


def test_marks_of_the_task_are_held_less_firmly_than_other_features() -> None:
    strategy = LinUCB(strength=2.0)
    assert np.array_equal(
        strategy.strengths(RULES, 2.0, apart=True), np.array([2.0, 2.0, 20.0, 20.0])
    )
    assert strategy.strengths(RULES, 2.0, apart=False) == 2.0
    assert strategy.strengths(replace(RULES, tasks=(0, 0)), 2.0, apart=True) == 2.0
