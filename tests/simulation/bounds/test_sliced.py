"""The bound in slices of time: where it must agree with the others, and what holding is worth."""

from dataclasses import replace

import numpy as np
import pytest

from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation.bounds.bound import unlimited
from flaky_load_balancer.simulation.bounds.kinds import Caps, Kinds, bound, bound_of_kinds
from flaky_load_balancer.simulation.bounds.sliced import Slices, bound_without_limits, sliced_bound

RULES = Rules(arms=3)


def of_each(admissions: np.ndarray) -> Caps:
    """A limit for each server, from (S, S, K) admissions."""
    return replace(Caps.each(admissions[0, 0]), most=admissions)


def endless(slices: Slices) -> np.ndarray:
    """(S, S, K) admissions of servers without limits."""
    count = len(slices.arrivals)
    return np.full((count, count, RULES.arms), np.inf)


def test_slices_are_cut_where_it_matters() -> None:
    slices = Slices.cut((3.0, 6.0), requests=100, rate=10.0, deadline=2.0)
    assert slices.edges.tolist() == pytest.approx([0.0, 1.0, 3.0, 4.0, 6.0, 11.9])
    assert slices.arrivals.tolist() == [10, 20, 10, 20, 40]
    assert slices.reach.astype(int).tolist() == [
        [1, 1, 0, 0, 0],  # by 0.9 s: a deadline of 2.9 s at most
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1],
    ]


def test_without_changes_it_is_the_plain_bound() -> None:
    success, capacity = np.array([0.9, 0.6, 0.4]), np.array([40.0, 30.0, np.inf])
    slices = Slices.cut((), requests=100, rate=10.0, deadline=2.0)
    value = sliced_bound(success[None], of_each(capacity[None, None]), slices, RULES)
    assert value == pytest.approx(bound(success, capacity, 100, RULES))


def test_cutting_where_nothing_changes_changes_nothing() -> None:
    success, rate = np.array([0.9, 0.6, 0.4]), np.array([3.0, 3.0, 2.0])
    slices = Slices.cut((2.0, 5.0), requests=60, rate=10.0, deadline=10.0)
    spans = slices.edges[None, 1:] - slices.edges[:-1, None]
    admissions = np.where(spans > 0, spans, np.inf)[:, :, None] * rate
    whole = bound(success, rate * slices.edges[-1], 60, RULES)
    value = sliced_bound(np.tile(success, (len(spans), 1)), of_each(admissions), slices, RULES)
    assert value <= whole + 1e-9
    assert value == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize("deadline", [0.5, 2.0, 10.0])
def test_the_closed_form_is_the_programme_without_limits(deadline: float) -> None:
    slices = Slices.cut((3.0, 6.0), requests=100, rate=10.0, deadline=deadline)
    middle = (slices.edges[:-1] >= 3.0) & (slices.edges[:-1] < 6.0)
    success = np.where(middle[:, None], [0.0, 0.5, 0.3], [0.9, 0.5, 0.3])
    value = sliced_bound(success, of_each(endless(slices)), slices, RULES)
    assert value == pytest.approx(bound_without_limits(success, slices, RULES))


def test_who_cannot_wait_takes_what_there_is() -> None:
    slices = Slices.cut((3.0, 6.0), requests=100, rate=10.0, deadline=1.0)
    success = np.where(slices.edges[:-1, None] == 3.0, 0.5, 0.9) * np.ones(3)
    slices_of_outage = (slices.edges[:-1] >= 3.0) & (slices.edges[:-1] < 6.0)
    success = np.where(slices_of_outage[:, None], 0.5, 0.9) * np.ones(3)
    expected = unlimited(0.9, 80, RULES) + unlimited(0.5, 20, RULES)  # 2 s of 3 s of arrivals
    assert bound_without_limits(success, slices, RULES) == pytest.approx(expected, abs=0.2)


def test_admissions_of_every_run_of_slices_count() -> None:
    """Two halves: ten admissions in each, but only twelve in both."""
    slices = Slices.cut((5.0,), requests=100, rate=10.0, deadline=0.5)
    count = len(slices.arrivals)
    success = np.full((count, 1), 0.9)
    rules = Rules(arms=1, free_attempts=1, max_attempts=1)
    each = np.where(np.triu(np.ones((count, count))), 10.0, np.inf)[:, :, None]
    assert sliced_bound(success, of_each(each), slices, rules) == pytest.approx(9.0)
    each[0, -1] = 4.0
    assert sliced_bound(success, of_each(each), slices, rules) == pytest.approx(3.6)


def test_with_sizes_and_shared_limits_it_is_the_bound_of_kinds() -> None:
    """Two servers behind one limit in tokens, a third with one in requests; nothing changes."""
    members = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    in_tokens, most = np.array([True, False]), np.array([9_000.0, 25.0])
    sizes = np.random.default_rng(0).lognormal(5, 1, 100).round()
    success = np.array([0.9, 0.8, 0.5])
    slices = Slices.cut((), requests=100, rate=10.0, deadline=2.0)
    caps = Caps(members, in_tokens, most[None, None])
    value = sliced_bound(success[None], caps, slices, RULES, sizes)
    kinds = Kinds.of(np.ones(1), np.ones((1, 3)), sizes)
    plain = bound_of_kinds(success, kinds, Caps(members, in_tokens, most), 100, RULES)
    assert value == pytest.approx(plain)
    assert value < sliced_bound(success[None], caps, slices, RULES, sizes / 2)
