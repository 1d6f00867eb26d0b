"""Shadow prices against the linear programme that they are the dual of."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Floats, Rules
from flaky_load_balancer.simulation.bounds.kinds import bound
from strategies.parts.dual import balance, value, values

RULES = Rules(arms=10)


def priced(success: Floats, supply: Floats, rules: Rules = RULES, steps: int = 400) -> Floats:
    price = np.zeros_like(success)
    for _ in range(steps):
        price = balance(success, price, supply, rules, softness=0.01)
    return price


def fleets(count: int) -> tuple[Floats, Floats]:
    """(n, K) chances of success, and admissions per request: scarce, and each fleet differs."""
    rng = np.random.default_rng(5)
    return rng.uniform(0.3, 0.96, (count, 10)), rng.uniform(0.02, 0.3, (count, 10))


def test_without_prices_values_are_those_of_the_best_server() -> None:
    value = values(np.array([[0.6, 0.8]]), np.zeros((1, 2)), Rules(2, 1, 3))[0]
    third = 0.8 - 0.5
    second = 0.8 + 0.2 * third - 0.5
    assert value.tolist() == pytest.approx([0.8 + 0.2 * second, second, third, 0.0])


def test_any_prices_bound_the_programme_and_balanced_ones_meet_it() -> None:
    """Weak duality, and that there is no gap."""
    success, supply = fleets(60)
    best = np.array([bound(s, c, 1, RULES) for s, c in zip(success, supply, strict=True)])
    for price, slack in (
        (priced(success, supply, steps=2000), 0.02),
        (np.full_like(success, 0.3), np.inf),
    ):
        dual = values(success, price, RULES)[:, 0] + (supply * price).sum(axis=1)
        assert (dual >= best - 1e-9).all()
        assert (dual <= best + slack).all()


def test_what_is_plenty_is_free_and_what_is_scarce_is_dear() -> None:
    success = np.array([[0.9, 0.9, 0.5]])
    price = priced(success, np.array([[0.1, np.inf, np.inf]]), Rules(3))[0]
    assert price[1:].tolist() == [0.0, 0.0]
    (scarce, *_) = priced(success, np.array([[0.1, 0.1, np.inf]]), Rules(3))[0]
    assert scarce > 0.1


def test_a_server_without_admissions_is_too_dear() -> None:
    success = np.array([[0.9, 0.5]])
    price = priced(success, np.array([[0.0, np.inf]]), Rules(2))[0]
    assert success[0, 0] - price[0] < success[0, 1]


def test_a_request_alone_is_worth_what_it_is_in_a_batch_to_the_last_bit() -> None:
    success, price = fleets(60)
    luck = np.random.default_rng(6)
    attempt, left = luck.integers(1, 9, 60), luck.integers(1, 9, 60)
    rows, tried = np.arange(60), np.zeros((60, 10), dtype=bool)
    context = Context.of(rows, np.zeros(60), attempt, tried, np.ones(60), left=left)
    together = value(success, price, context, RULES)
    alone = [
        value(success[i, None], price[i, None], context.take(np.array([i])), RULES) for i in rows
    ]
    assert together.tolist() == np.concatenate(alone).tolist()
