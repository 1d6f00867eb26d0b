"""Latencies: quantiles as exact as promised, in a size that stays."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.core.histogram import SHORTEST, SIZE, Histogram, bucket, upper_edge

LONGEST = upper_edge(SIZE - 1)
latencies = st.lists(st.floats(SHORTEST, 100.0), min_size=1, max_size=200)


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(values=latencies, share=st.floats(0, 1))
def test_quantiles_are_within_the_promised_error(values: list[float], share: float) -> None:
    exact = float(np.quantile(values, share, method="inverted_cdf"))
    assert filled(values).quantile(share) == pytest.approx(exact, rel=0.0222)


def test_quantiles_of_many_latencies() -> None:
    values = np.random.default_rng(1).lognormal(math.log(0.002), 0.5, 20_000)
    histogram = filled(values.tolist())
    for share in (0.01, 0.5, 0.9, 0.99, 0.999):
        assert histogram.quantile(share) == pytest.approx(np.quantile(values, share), rel=0.023)


@given(seconds=st.floats(0, 1e6))
def test_a_latency_lies_in_its_bucket(seconds: float) -> None:
    index = bucket(seconds)
    assert 0 <= index < SIZE
    assert seconds <= upper_edge(index) * (1 + 1e-9) or index == SIZE - 1
    assert seconds >= upper_edge(index - 1) * (1 - 1e-9) or index == 0


def test_its_size_stays() -> None:
    histogram = filled([0.0, 1e-9, 1e9, *np.geomspace(1e-6, 1e3, 1000).tolist()])
    assert len(histogram.counts) == SIZE
    assert sum(histogram.counts) == histogram.count == 1003


def test_nothing_has_no_quantiles() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().at_most([1.0]) == [0]


@given(values=latencies)
def test_cumulative_counts_rise_to_all(values: list[float]) -> None:
    edges = [upper_edge(index) for index in range(0, SIZE, 16)]
    counts = filled(values).at_most(edges)
    assert counts == sorted(counts)
    assert filled(values).at_most([LONGEST]) == [len(values)]
    for edge, count in zip(edges, counts, strict=True):
        below = sum(value < edge * (1 - 1e-6) for value in values)
        assert below <= count <= sum(value < edge * (1 + 1e-6) for value in values)


@given(values=latencies, merged=st.integers(1, 16))
def test_bars_hold_what_lies_between_their_edges(values: list[float], merged: int) -> None:
    edges, counts = filled(values).bars(merged)
    assert len(edges) == len(counts) + 1
    assert counts[0] > 0 < counts[-1]
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        inside = sum(low * (1 + 1e-6) < value < high * (1 - 1e-6) for value in values)
        assert inside <= count <= sum(low * (1 - 1e-6) <= v <= high * (1 + 1e-6) for v in values)
    assert sum(counts) == len(values)
    assert Histogram().bars() == ([], [])


@given(values=latencies)
def test_the_sum_is_exact(values: list[float]) -> None:
    assert filled(values).sum == pytest.approx(math.fsum(values))


@given(st.lists(st.floats(0, 1000), min_size=1), st.integers(0, 50))
def test_many_at_once_are_counted_as_one_by_one(latencies: list[float], cut: int) -> None:
    alone, first, rest = Histogram(), Histogram(), Histogram()
    for latency in latencies:
        alone.add(latency)
    first.add_all(np.array(latencies[:cut]))
    rest.add_all(np.array(latencies[cut:]))
    first.merge(rest)
    assert first.count == alone.count
    assert first.sum == pytest.approx(alone.sum)
    cumulated = np.cumsum(first.counts) - np.cumsum(alone.counts)
    assert abs(cumulated).max() <= 1  # an edge may fall to either side
