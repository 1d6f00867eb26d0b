"""The bound of KL-UCB, against the definition."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.parts.kl import kl_upper


def kl(p: float, q: float) -> float:
    gained = p * log(p / q) if p else 0.0
    return gained + ((1 - p) * log((1 - p) / (1 - q)) if p < 1 else 0.0)


def bisected(p: float, level: float) -> float:
    low, high = p, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle < 1 and kl(p, middle) <= level:
            low = middle
        else:
            high = middle
    return low


def bound(p: float, level: float) -> float:
    return float(kl_upper(np.array([[p]]), np.array([[level]]))[0, 0])


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.5, 15))
def test_it_is_the_largest_chance_within_the_level(s: int, f: int, log_t: float) -> None:
    n = s + f or 1
    assert bound(s / n, log_t / n) == pytest.approx(bisected(s / n, log_t / n), abs=2e-5)


@given(st.floats(0, 1), st.floats(0, 30))
def test_it_is_a_probability_not_below_the_rate_whatever_the_level(p: float, level: float) -> None:
    assert p <= bound(p, level) <= 1


@pytest.mark.parametrize(("p", "level", "expected"), [(0, log(2), 0.5), (1, 3, 1), (0.4, 0, 0.4)])
def test_by_hand(p: float, level: float, expected: float) -> None:
    assert bound(p, level) == pytest.approx(expected, abs=1e-8)


def test_it_grows_with_the_level() -> None:
    bounds = [bound(0.3, level) for level in np.linspace(0, 5, 100)]
    assert bounds == sorted(bounds)
