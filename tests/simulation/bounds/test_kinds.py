import numpy as np
import pytest

from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.bounds.kinds import (
    Caps,
    Kinds,
    bound,
    bound_of_kinds,
    sized,
)
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers


def task_bound(
    success: np.ndarray,
    worth: np.ndarray,
    weights: np.ndarray,
    capacity: np.ndarray,
    requests: int,
    rules: Rules,
) -> float:
    """Of tasks, with a limit for each server."""
    kinds = Kinds.of(weights, worth, None)
    return bound_of_kinds(success, kinds, Caps.each(capacity), requests, rules)


WORTH = np.array([[0.9, 0.5], [0.2, 0.8]])


def test_without_limits_every_fleet_has_its_bound() -> None:
    text = 'name = "free"\nservers = 3\nfailure.uniform = [0.1, 0.5]\n'
    text += "[quality]\nany = [0.9, 0.8, 0.7]\n"
    scenario = scenarios.parse(text, source="test")
    found = bounds(Servers(Fleet.draw(scenario, 0, replications=5)), 100, rate=10, rules=Rules(3))
    assert found.shape == (5,)
    assert np.all((found > 50) & (found <= 90))


def test_without_limits_every_task_goes_to_its_best_server() -> None:
    once = Rules(2, free_attempts=1, max_attempts=1)
    best = task_bound(np.ones(2), WORTH, np.array([0.25, 0.75]), np.full(2, np.inf), 100, once)
    assert best == pytest.approx(100 * (0.25 * 0.9 + 0.75 * 0.8))


def test_a_limit_sends_the_task_elsewhere_that_loses_least() -> None:
    """Server 1 admits 60 of the 75 that are best there."""
    once = Rules(2, free_attempts=1, max_attempts=1)
    best = task_bound(np.ones(2), WORTH, np.array([0.25, 0.75]), np.array([np.inf, 60]), 100, once)
    assert best == pytest.approx(25 * 0.9 + 60 * 0.8 + 15 * 0.2)


def test_with_one_task_it_is_the_bound() -> None:
    rules = Rules(3)
    success, capacity = np.array([0.9, 0.6, 0.4]), np.array([40.0, 50.0, 200.0])
    one = task_bound(success, np.ones((1, 3)), np.ones(1), capacity, 100, rules)
    assert one == pytest.approx(bound(success, capacity, 100, rules))


def test_an_account_is_one_capacity() -> None:
    once = Rules(3, free_attempts=1, max_attempts=1)
    members = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    caps = Caps(members, np.zeros(2, dtype=bool), np.array([30.0, 50.0]))
    alike = Kinds.of(np.ones(1), np.ones((1, 3)), None)
    best = bound_of_kinds(np.array([0.9, 0.8, 0.5]), alike, caps, 100, once)
    assert best == pytest.approx(30 * 0.9 + 50 * 0.5)


def test_who_sends_small_requests_first_has_more_admitted_than_the_mean_says() -> None:
    """Tokens for half of the requests by their mean size, for more if the small ones are sent."""
    once = Rules(1, free_attempts=1, max_attempts=1)
    sizes = np.repeat([100.0, 900.0], 60)
    caps = Caps(np.ones((1, 1)), np.ones(1, dtype=bool), np.array([30_000.0]))
    kinds = Kinds.of(np.ones(1), np.ones((1, 1)), sizes)
    best = bound_of_kinds(np.ones(1), kinds, caps, 120, once)
    assert best == pytest.approx(60 + 24_000 / 900)


def test_a_kind_is_as_large_as_the_smallest_of_it() -> None:
    sizes = np.random.default_rng(0).lognormal(3, 1, 100).round()
    kind, size = sized(sizes)
    assert len(size) == 12
    assert (size[kind] <= sizes).all()
    assert size[kind].sum() > 0.8 * sizes.sum()
    assert sized(np.array([5.0, 1.0, 3.0] * 8))[1].tolist() == [1, 3, 5]
