"""The bound: its closed form, its monotony, and what it promises."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation.bounds.bound import unlimited
from flaky_load_balancer.simulation.bounds.kinds import bound

ENDLESS = np.full(3, np.inf)


@pytest.mark.parametrize(("success", "each"), [(0.6, 0.94665), (0.8, 0.995), (0.95, 0.99993)])
def test_published_values_without_limits(success: float, each: float) -> None:
    assert unlimited(success, 1, Rules(1)) == pytest.approx(each, abs=5e-6)


@pytest.mark.parametrize("success", [0.05, 0.3, 0.5, 0.6, 0.8, 0.95, 1.0])
@pytest.mark.parametrize(
    "rules", [Rules(3), Rules(3, 1, 4, 0.2), Rules(3, 0, 3, 0.9), Rules(3, 5, 5), Rules(3, 7, 5)]
)
def test_the_programme_without_limits_is_the_closed_form(success: float, rules: Rules) -> None:
    rates = np.array([success / 2, success, success / 3])
    value = bound(rates, ENDLESS, 250, rules)
    assert value == pytest.approx(unlimited(success, 250, rules), rel=1e-9)


def test_capacity_can_only_cost() -> None:
    rates = np.array([0.9, 0.6, 0.4])
    values = [bound(rates, np.full(3, c), 100, Rules(3)) for c in (1.0, 20.0, 50.0, 200.0, np.inf)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(1.9)  # one admission of each, all of them first attempts


def test_with_nothing_admitted_nothing_is_delivered() -> None:
    assert bound(np.array([0.9, 0.6, 0.4]), np.zeros(3), 100, Rules(3)) == pytest.approx(0)


def test_a_paid_attempt_is_only_made_where_it_pays() -> None:
    rules = Rules(1, free_attempts=1, max_attempts=2, penalty=0.5)
    assert bound(np.array([0.4]), np.array([np.inf]), 1, rules) == pytest.approx(0.4)
    assert bound(np.array([0.6]), np.array([np.inf]), 1, rules) == pytest.approx(0.6 + 0.4 * 0.1)


def test_no_random_play_beats_it() -> None:
    """Greedy plays of ten servers with budgets, against the bound, over many fleets."""
    rng = np.random.default_rng(1)
    rules, gaps = Rules(10), []
    for _ in range(40):
        rates = rng.uniform(0.3, 0.96, 10)
        budgets = rng.integers(0, 40, 10).astype(float)
        best = bound(rates, budgets, 60, rules)
        gaps.append(best - _greedy(rates, budgets.copy(), 60, rules, rng))
    mean, error = np.mean(gaps), np.std(gaps) / np.sqrt(len(gaps))
    assert mean > -3 * error


def _greedy(
    rates: np.ndarray, left: np.ndarray, requests: int, rules: Rules, rng: np.random.Generator
) -> float:
    score = 0.0
    for _ in range(requests):
        for attempt in range(rules.max_attempts):
            arm = int(np.where(left >= 1, rates, -1).argmax())
            paid = attempt >= rules.free_attempts
            if left[arm] < 1 or (paid and rates[arm] <= rules.penalty):
                break
            left[arm] -= 1
            score -= rules.penalty * paid
            if rng.random() < rates[arm]:
                score += 1
                break
    return score
