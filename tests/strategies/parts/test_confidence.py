"""The confidence radius of bandits with knapsacks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.parts.confidence import beliefs, lower, radius, share, upper

one = np.array


def test_radius_and_bounds_by_hand() -> None:
    mean, n = one([0.25, 0.75]), one([16.0, 48.0])
    assert radius(mean, n, 1.0).tolist() == [1 / 8 + 1 / 16, 1 / 8 + 1 / 48]
    assert upper(mean, n, 1.0).tolist() == [0.4375, 0.75 + 1 / 8 + 1 / 48]
    assert lower(mean, n, 1.0).tolist() == [0.0625, 0.75 - 1 / 8 - 1 / 48]
    assert radius(mean, n, 4.0).tolist() == [1 / 4 + 1 / 4, 1 / 4 + 1 / 12]


def test_bounds_keep_to_probabilities() -> None:
    assert upper(one([0.5]), one([1.0]), 1.0) == 1.0
    assert lower(one([0.5]), one([1.0]), 1.0) == 0.0


def test_nothing_is_known_of_what_was_never_seen() -> None:
    assert beliefs(one([0.0]), one([0.0]), 1.0) == {"mean": 0.5, "low": 0.0, "high": 1.0}
    assert beliefs(one([0.0]), one([0.0]), 0.0) == {"mean": 0.5, "low": 0.0, "high": 1.0}
    assert share(one([0.0]), one([0.0])) == 0.0


@given(st.integers(1, 10**6), st.floats(0.1, 50), st.floats(0, 1), st.floats(0, 1))
def test_small_means_have_a_small_radius(n: int, c: float, x: float, y: float) -> None:
    """Claim 4.6: monotone in the mean, and at most 3 C / N where the mean is at most 4 C / N."""
    less, more = (one([value]) for value in sorted((x, y)))
    count = one([float(n)])
    assert radius(less, count, c) <= radius(more, count, c)
    assert radius(np.minimum(more, 4 * c / count), count, c) <= 3 * c / count * (1 + 1e-12)


@pytest.mark.parametrize("c", [0.1, 1.0])
def test_the_truth_is_mostly_within(c: float) -> None:
    heads = np.random.default_rng(0).binomial(200, 0.3, 5000) / 200
    n = np.full(5000, 200.0)
    within = (lower(heads, n, c) <= 0.3) & (upper(heads, n, c) >= 0.3)
    assert within.mean() == pytest.approx({0.1: 0.35, 1.0: 0.83}[c], abs=0.15)
