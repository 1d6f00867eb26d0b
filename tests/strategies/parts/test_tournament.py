"""The tree that knows the largest values, against looking at all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.parts.tournament import Tournament


@given(
    arms=st.integers(1, 40),
    count=st.integers(1, 12),
    changes=st.lists(st.tuples(st.integers(0, 39), st.floats(-1, 1)), max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_the_leaders_are_those_with_the_largest_values_after_any_changes(
    arms: int, count: int, changes: list[tuple[int, float]]
) -> None:
    values = np.random.default_rng(arms).random((2, arms))
    tree = Tournament.over(values)
    for arm, value in changes:
        tree.put(1, np.array([arm % arms, 0]), np.array([value, value / 2]))
    found = np.unique(tree.leaders(1, count))
    assert values[1, found].min() >= np.sort(values[1])[-count:].min()
    assert values[1].max() == values[1, found].max()
    np.testing.assert_array_equal(tree.largest, Tournament.over(values).largest)


def test_a_new_leader_leads() -> None:
    tree = Tournament.over(np.random.default_rng(1).random((1, 1000)))
    tree.lead(0, 777, 2.0)
    assert tree.leaders(0, 1).tolist() == [777]
    tree.put(0, np.array([777]), np.array([-1.0]))
    assert 777 not in tree.leaders(0, 999)


@pytest.mark.parametrize("arms", [1, 10, 10_000])
def test_it_looks_at_about_the_square_root_of_all(arms: int) -> None:
    tree = Tournament.over(np.zeros((1, arms)))
    assert sum(tree.members.shape) <= 2 * np.sqrt(arms) + 1
