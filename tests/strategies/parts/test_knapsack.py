"""What the knapsack strategies are made of: rests, episodes, prices, estimated limits."""

from math import exp, inf, log, sqrt

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Floats
from strategies.parts.cooldown import Rest
from strategies.parts.episode import Episode
from strategies.parts.limit_rate import LimitRate
from strategies.parts.prices import CHEAPEST, Prices
from strategies.parts.stopwatch import AttemptRate
from tests.strategies.table import LETTERS

HERE = np.array([0])


def ended(letter: str, now: float, *, arm: int = 0, retry_after: float = np.nan) -> Feedback:
    each = [np.array([x]) for x in (now, arm, int(LETTERS[letter]), 0.01, retry_after)]
    return Feedback.of(HERE, *each)


def test_a_rest_lasts_as_long_as_the_server_asked_else_a_fixed_time() -> None:
    rest = Rest(1, 3, 1.0)
    rest.learn(ended("R", 10.0, arm=0))
    rest.learn(ended("R", 10.0, arm=1, retry_after=4.0))
    assert rest.until(np.array([10.0])).tolist() == [[11.0, 14.0, 10.0]]
    assert rest.over(HERE, np.array([11.0])).tolist() == [[True, False, True]]
    assert rest.since(HERE, np.array([12.0])).tolist() == [[2.0, 2.0, inf]]


def test_a_longer_rest_is_not_cut_short_and_only_refusals_begin_one() -> None:
    rest = Rest(1, 1, 1.0)
    rest.learn(ended("R", 10.0, retry_after=9.0))
    rest.learn(ended("R", 11.0))
    for letter in "SFC":
        rest.learn(ended(letter, 12.0))
    assert rest.until(np.array([12.0])).tolist() == [[19.0]]
    assert rest.since(HERE, np.array([12.0])).tolist() == [[1.0]]


def test_an_episode_ends_after_its_rounds_and_its_budget_is_filled_again() -> None:
    episode = Episode(2, 4, 0.5)
    for paid in (True, False, True, False):
        assert episode.begin(HERE).size == 0
        episode.count(HERE, np.array([paid]))
    assert episode.spent(np.array([0, 1])).tolist() == [1.0, 0.0]
    assert episode.begin(np.array([1, 0])).tolist() == [0]
    assert episode.spent(HERE) == 0.0


def test_prices_rise_with_what_is_used() -> None:
    prices = Prices(2, 1, 2)
    shared, own = np.array([[0.5]]), np.array([[0.25, 1.0]])
    assert prices.charge(HERE, shared, own).tolist() == [[0.75, 1.5]]
    prices.rise(HERE, np.array([1]), shared, own[:, 1], np.array([100.0]))
    more = 1 + sqrt(log(3) / 100)
    assert prices.value[0] == pytest.approx([more**-0.5, 1 / more, 1.0])
    assert prices.charge(HERE, shared, own)[0] == pytest.approx(
        [0.5 * more**-0.5 + 0.25 / more, 0.5 * more**-0.5 + 1.0]
    )
    assert prices.value[1].tolist() == [1.0, 1.0, 1.0]
    prices.restart(HERE)
    assert prices.value[0].tolist() == [1.0, 1.0, 1.0]


def test_the_price_of_what_nobody_uses_never_becomes_nothing() -> None:
    prices = Prices(1, 1, 1)
    for _ in range(400):
        prices.rise(HERE, np.array([0]), np.zeros((1, 1)), np.ones(1), np.array([0.5]))
    assert prices.value.tolist() == [[CHEAPEST, 1.0]]


@pytest.mark.parametrize("seed", range(5))
def test_prices_do_nearly_as_well_as_the_best_fixed_ones(seed: int) -> None:
    """Proposition 5.4: sum y_t c_t >= (1 - eps) max_i sum c_ti - ln d / eps."""
    world = np.random.default_rng(seed)
    budget = 200.0
    prices, costs = Prices(1, 2, 1), world.random((500, 3)) * world.random(3)
    paid = 0.0
    for cost in costs:
        y: Floats = prices.value[0] / prices.value[0].sum()
        paid += float(y @ cost)
        prices.rise(HERE, HERE, cost[None, :2], cost[2:], np.array([budget]))
    eps = sqrt(log(3) / budget)
    assert paid >= (1 - eps) * costs.sum(axis=0).max() - log(3) / eps


def limit(**changed: float) -> LimitRate:
    numbers = {"fall": 0.7, "growth": 0.4, "least": 0.5, "memory": 1.0} | changed
    return LimitRate(1, 2, **numbers)


def estimate(limits: LimitRate, now: float) -> float:
    assert limits.of(HERE, np.array([now])).tolist() == limits.capacity(np.array([now])).tolist()
    return float(limits.of(HERE, np.array([now]))[0, 0])


def test_no_limit_is_known_before_a_refusal() -> None:
    limits = limit()
    for letter in "SFC":
        limits.learn(ended(letter, 5.0))
    limits.learn(ended("R", 5.0, arm=1))
    assert estimate(limits, 9.0) == inf


def test_the_estimate_falls_with_a_refusal_and_grows_with_time() -> None:
    limits = limit()
    for _ in range(4):
        limits.learn(ended("F", 10.0))  # the server tried: it admitted
    limits.learn(ended("R", 10.0))
    back = (4 * 0.3 / 0.4) ** (1 / 3)  # seconds until it is where it fell
    assert estimate(limits, 10.0) == pytest.approx(0.7 * 4)
    assert estimate(limits, 10 + back) == pytest.approx(4)
    assert estimate(limits, 10 + back + 5) == pytest.approx(4 + 0.4 * 5**3)


def test_it_falls_from_the_lower_of_what_was_measured_and_estimated() -> None:
    limits = limit()
    for _ in range(4):
        limits.learn(ended("S", 10.0))
    limits.learn(ended("R", 10.0))
    limits.learn(ended("R", 10.0))
    assert estimate(limits, 10.0) == pytest.approx(0.7**2 * 4)
    limits.learn(ended("R", 12.0))  # 4 e^-2 a second by now
    assert limits.peak[0, 0] == pytest.approx(4 * exp(-2))
    assert estimate(limits, 12.0) == 0.5  # the least


def test_attempts_a_second_are_counted_from_the_first_decision() -> None:
    rate = AttemptRate(1, 1.0)
    assert rate.per_second(HERE, np.array([50.0])) == 1.0
    for _ in range(9):
        rate.count(HERE)
    assert rate.per_second(HERE, np.array([50.5])) == 10.0
    assert rate.per_second(HERE, np.array([54.0])) == 2.5
