"""Intervals that may be looked at at any time: how often they ever miss, and how wide they are."""

from math import sqrt

import numpy as np
import pytest

from flaky_load_balancer.admin.sequences import difference, share

LOOKS = np.unique(np.geomspace(2, 5000, 60).astype(int))


@pytest.mark.parametrize(
    ("rates", "part"),
    [((0.5, 0.5), 0.5), ((0.9, 0.9), 0.5), ((0.99, 0.99), 0.1), ((0.9, 0.999), 0.05)],
)
def test_whoever_looks_all_the_time_is_misled_in_one_test_of_twenty(
    rates: tuple[float, float], part: float
) -> None:
    rng, misled, plainly = np.random.default_rng(7), 0, 0
    for _ in range(100):
        first = rng.random(LOOKS[-1]) < part
        well = rng.random(LOOKS[-1]) < np.where(first, *rates)
        counts = [(well & arm, arm) for arm in (first, ~first)]
        (s, n), (t, m) = (tuple(np.cumsum(each)[LOOKS - 1] for each in pair) for pair in counts)
        looks = [
            difference((int(a), int(b)), (int(c), int(d)))
            for a, b, c, d in zip(s, n, t, m, strict=True)
        ]
        truth = rates[0] - rates[1]
        misled += any(not found.low <= truth <= found.high for found in looks)
        spread = np.sqrt(s * (n - s) / np.maximum(n, 1) ** 3 + t * (m - t) / np.maximum(m, 1) ** 3)
        met = np.abs([found.mean - truth for found in looks]) > 1.96 * spread
        plainly += bool(met[(n > 0) & (m > 0)].any())
    assert misled <= 10  # of 100; 5 expected at most
    assert plainly > 20  # that is what an ordinary interval would do


def test_they_shrink_and_are_hardly_wider_than_ordinary_ones() -> None:
    wide, narrow = (share(9 * n // 10, n) for n in (1000, 100_000))
    assert wide.mean == narrow.mean == 0.9
    assert 1.4 < (wide.high - wide.low) / (2 * 1.96 * sqrt(0.09 / 1000)) < 1.7
    assert narrow.high - narrow.low < (wide.high - wide.low) / 8


def test_nothing_is_known_of_nothing_and_no_rate_leaves_0_to_1() -> None:
    assert share(0, 0)[1:] == (0.0, 1.0)
    assert difference((0, 0), (5, 5))[1:] == (-1.0, 1.0)
    assert share(1000, 1000).high == 1.0
    assert share(1000, 1000).low < 1.0
    assert difference((1, 1), (0, 1))[1:] == (-1.0, 1.0)


def test_a_surer_interval_is_wider() -> None:
    sure, surer = (share(50, 100, level) for level in (0.95, 0.99))
    assert surer.low < sure.low < sure.high < surer.high
