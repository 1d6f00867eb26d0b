"""No strategy with a budget ever spends beyond it, however late costs come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.core.types import GIVE_UP, Context, Feedback, Outcome, Rules
from strategies import STRATEGIES
from strategies.knapsack_linucb import packed
from tests.strategies.contexts import Desk, requests

RULES = Rules(arms=4, free_attempts=1, max_attempts=1, features=3)


@pytest.mark.parametrize("name", ["linucb", "pilot", "eps-greedy", "thompson-gauss", "mixllm"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), budget=st.floats(0.01, 3.0), bins=st.integers(1, 20))
def test_spending_stays_within_the_budget(name: str, seed: int, budget: float, bins: int) -> None:
    rng = np.random.default_rng(seed)
    strategy = STRATEGIES[name](budget=budget, queries=60, bins=bins)  # type: ignore[call-arg]
    strategy.reset(RULES, 1, rng)
    dearest = rng.uniform(0.001, 0.2, 4)
    waiting: list[tuple[int, int, np.ndarray]] = []
    spent = 0.0
    for request in range(1, 100):
        x = rng.standard_normal((1, 3))
        context = Context.of(
            np.zeros(1, dtype=np.intp),
            np.array([float(request)]),
            np.ones(1, dtype=np.intp),
            np.zeros((1, 4), dtype=bool),
            np.array([1e9]),
            request=np.array([request]),
            features=x,
            reserve=dearest[None, :],
        )
        arm = strategy.select(context).arm.item()
        if arm != GIVE_UP:
            waiting.append((request, arm, x))
        while waiting and rng.random() < 0.6:  # costs come late, and in any order
            number, paid, features = waiting.pop(int(rng.integers(len(waiting))))
            cost = float(dearest[paid] * rng.random() ** 0.2)
            spent += cost
            strategy.observe(_feedback(number, paid, features, cost))
    spent += sum(float(dearest[arm]) for _, arm, _ in waiting)
    assert spent <= budget + 1e-9


def _feedback(request: int, arm: int, x: np.ndarray, cost: float) -> Feedback:
    row, nan = np.zeros(1, dtype=np.intp), np.array([np.nan])
    outcome = np.array([int(Outcome.SUCCEEDED)])
    number = np.array([request])
    return Feedback.of(
        row,
        np.array([1e3]),
        np.array([arm]),
        outcome,
        np.ones(1),
        nan,
        request=number,
        cost=np.array([cost]),
        features=x,
    )


def test_the_money_goes_where_a_dollar_brings_most() -> None:
    """Server 0 is worth 0.9 for 10 cents, server 1 0.8 for 1: three dollars for 200 queries."""
    desk = Desk(STRATEGIES["linucb"](budget=3.0, queries=200, bins=10))  # type: ignore[call-arg]
    served = np.zeros(3)
    reserve = np.array([0.1, 0.01, 0.01])
    for x in requests(200):
        arm = desk.ask(x, reserve=reserve).arm.item()
        assert arm >= 0
        served[arm] += 1
        desk.answer(arm, x, [0.9, 0.8, 0.0][arm], cost=float(reserve[arm]))
    assert served.sum() == 200
    assert served[1] > 150
    assert served @ reserve <= 3.0


def test_a_budget_that_is_spent_ends_in_giving_up() -> None:
    desk = Desk(STRATEGIES["linucb"](budget=0.05, queries=10, bins=1))  # type: ignore[call-arg]
    x, reserve = requests(1)[0], np.full(3, 0.02)
    moves = []
    for _ in range(4):
        arm = desk.ask(x, reserve=reserve).arm.item()
        moves.append(arm)
        if arm >= 0:
            desk.answer(arm, x, 1.0, cost=0.02)
    assert [arm >= 0 for arm in moves] == [True, True, False, False]


def test_the_pacer_holds_spending_at_its_target() -> None:
    desk = Desk(STRATEGIES["pacer"](target=0.02))  # type: ignore[call-arg]
    costs = []
    for x in requests(1500):
        arm = desk.ask(x).arm.item()
        cost = [0.1, 0.01, 0.001][arm]
        costs.append(cost)
        desk.answer(arm, x, [0.95, 0.6, 0.3][arm], cost=cost)
    assert np.mean(costs[500:]) == pytest.approx(0.02, rel=0.25)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**31), arms=st.integers(1, 6))
def test_the_knapsack_is_the_best_subset(seed: int, arms: int) -> None:
    rng = np.random.default_rng(seed)
    worth, cost = rng.random((1, arms)), rng.random((1, arms)) + 0.01
    budget, most = rng.random(1) * 2, rng.integers(1, arms + 1, size=1)
    chosen = packed(worth, cost, budget, most)[0]
    subsets = (np.arange(1 << arms)[:, None] >> np.arange(arms) & 1).astype(bool)
    fits = (subsets @ cost[0] <= budget) & (subsets.sum(axis=1) <= most)
    assert chosen @ worth[0] == pytest.approx((subsets[fits] @ worth[0]).max())
    assert chosen @ cost[0] <= budget + 1e-12
