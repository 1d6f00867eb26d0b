"""No strategy with a budget ever spends beyond it, however late costs come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.core.types import GIVE_UP, Context, Feedback, Outcome, Rules
from strategies import CONTEXTUAL, STRATEGIES
from strategies.budget_linucb import BudgetLinUCB
from strategies.knapsack_linucb import packed
from strategies.parts.on_utility import OnUtility
from tests.strategies.contexts import Desk, requests

RULES = Rules(arms=4, free_attempts=1, max_attempts=1, features=3)


BUDGETED = [
    name
    for name, kind in CONTEXTUAL.items()
    if issubclass(kind, OnUtility) and not issubclass(kind, BudgetLinUCB)
]
SEQUENCES = 128  # at once, each with costs of its own


def test_no_strategy_with_a_budget_is_left_out() -> None:
    assert {"linucb", "lints", "pilot", "pacer", "mixllm", "eps-greedy"} <= set(BUDGETED)


@pytest.mark.parametrize("name", BUDGETED)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**31), budget=st.floats(0.01, 3.0), bins=st.integers(1, 20))
def test_spending_stays_within_the_budget(name: str, seed: int, budget: float, bins: int) -> None:
    """More requests than were foreseen; costs come late, in any order, some of them never."""
    rng = np.random.default_rng(seed)
    quick = {"mixllm": {"width": 4}, "neural-linear": {"hidden": 4, "memory": 20}}.get(name, {})
    strategy = CONTEXTUAL[name](budget=budget, queries=60, bins=bins, **quick)  # type: ignore[call-arg]
    strategy.reset(RULES, SEQUENCES, rng)
    dearest = rng.uniform(0.001, 0.2, (SEQUENCES, 4))
    rows = np.arange(SEQUENCES)
    spent, aside = np.zeros(SEQUENCES), np.zeros(SEQUENCES)
    waiting: list[tuple[np.ndarray, int, np.ndarray, np.ndarray]] = []
    for request in range(1, 80):
        x = rng.standard_normal((SEQUENCES, 3))
        arm = strategy.select(_context(rows, request, x, dearest)).arm
        sent = rows[arm != GIVE_UP]
        aside[sent] += dearest[sent, arm[sent]]
        assert np.all(spent + aside <= budget + 1e-9)
        waiting.append((sent, request, arm[sent], x[sent]))
        while waiting and rng.random() < 0.55:
            known, number, paid, features = waiting.pop(int(rng.integers(len(waiting))))
            cost = dearest[known, paid] * rng.random(len(known)) ** 0.2
            spent[known] += cost
            aside[known] -= dearest[known, paid]
            if len(known):
                strategy.observe(_feedback(known, number, paid, features, cost))


def _context(rows: np.ndarray, request: int, x: np.ndarray, reserve: np.ndarray) -> Context:
    n = len(rows)
    return Context.of(
        rows,
        np.full(n, float(request)),
        np.ones(n, dtype=np.intp),
        np.zeros((n, 4), dtype=bool),
        np.full(n, 1e9),
        request=np.full(n, request),
        features=x,
        reserve=reserve,
    )


def _feedback(
    rows: np.ndarray, number: int, arm: np.ndarray, x: np.ndarray, cost: np.ndarray
) -> Feedback:
    n = len(rows)
    return Feedback.of(
        rows,
        np.full(n, 1e3),
        arm,
        np.full(n, int(Outcome.SUCCEEDED)),
        np.ones(n),
        np.full(n, np.nan),
        request=np.full(n, number),
        cost=cost,
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
    costs, prices = [], []
    for x in requests(1500):
        action = desk.ask(x)
        arm = action.arm.item()
        assert action.price is not None
        prices.append(action.price.item())
        cost = [0.1, 0.01, 0.001][arm]
        costs.append(cost)
        desk.answer(arm, x, [0.95, 0.6, 0.3][arm], cost=cost)
    assert np.mean(costs[500:]) == pytest.approx(0.02, rel=0.25)
    assert prices[0] == 0.0
    assert min(prices[500:]) > 0.0


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
