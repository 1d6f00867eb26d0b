import numpy as np
import pytest

from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation.bounds.bound import bound
from flaky_load_balancer.simulation.bounds.tasks import task_bound

WORTH = np.array([[0.9, 0.5], [0.2, 0.8]])


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
