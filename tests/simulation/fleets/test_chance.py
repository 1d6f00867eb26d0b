"""Chance: uniform, uncorrelated along every way through it, and the same for ever."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.fleets.chance import Streams, key, normal, seeds, uniform

N = 100_000


def along(way: str) -> Floats:
    """Numbers of consecutive counters, servers or seeds, all else equal."""
    if way == "counters":
        return uniform(key(seeds(3, 1), "T1", 4, "outcome"), np.arange(N))
    if way == "servers":
        return uniform(key(seeds(3, 1), "T1", np.arange(N), "outcome"), 7)
    return uniform(key(seeds(3, N), "T1", 4, "outcome"), 7)


def correlation(one: Floats, other: Floats) -> float:
    return abs(float(np.corrcoef(one, other)[0, 1]))


WAYS = pytest.mark.parametrize("way", ["counters", "servers", "seeds"])


@WAYS
def test_numbers_are_uniform(way: str) -> None:
    numbers = along(way)
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
    counts, _ = np.histogram(numbers, bins=256, range=(0, 1))
    assert stats.chisquare(counts).pvalue > 0.001
    assert ((numbers > 0) & (numbers < 1)).all()


@WAYS
@pytest.mark.parametrize("lag", [1, 2, 10, 1000])
def test_neighbours_are_uncorrelated(way: str, lag: int) -> None:
    numbers = along(way)
    pairs, *_ = np.histogram2d(numbers[:-lag], numbers[lag:], bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(pairs.ravel()).pvalue > 0.001
    assert correlation(numbers[:-lag], numbers[lag:]) < 4 / np.sqrt(N)


def test_purposes_and_scenarios_are_uncorrelated() -> None:
    mine = key(seeds(0, 1), "T1", 0, "outcome")
    for other in (key(seeds(0, 1), "T2", 0, "outcome"), key(seeds(0, 1), "T1", 0, "latency")):
        pair = [uniform(each, np.arange(N)) for each in (mine, other)]
        assert correlation(*pair) < 4 / np.sqrt(N)


def test_a_replication_is_a_function_of_the_seed_and_its_number() -> None:
    together = seeds(-2, 4)
    np.testing.assert_array_equal(together, np.concatenate([seeds(-2, 1, r) for r in range(4)]))
    np.testing.assert_array_equal(together[1:], seeds(-2, 3, first=1))


def test_seeds_share_no_replication() -> None:
    """Neither neighbours nor seeds that differ in one bit."""
    near = [*range(50), *(2**bit for bit in range(6, 64))]
    drawn = np.concatenate([seeds(seed, 1000) for seed in near])
    assert len(np.unique(drawn)) == len(drawn)


@pytest.mark.parametrize("lag", [0, 1, 7])
def test_replications_of_neighbouring_seeds_are_uncorrelated(lag: int) -> None:
    mine, other = (uniform(key(seeds(seed, N), "T1", 4, "failure"), 0) for seed in (3, 4))
    assert correlation(mine[: N - lag], other[lag:]) < 4 / np.sqrt(N)


def test_numbers_never_change() -> None:
    numbers = uniform(key(seeds(0, 2)[:, None], "T1", np.arange(2), "outcome"), 5)
    np.testing.assert_array_equal(numbers, PINNED)


PINNED = [[0.8597604548299084, 0.3694101257265737], [0.34391315124517796, 0.6611832981338898]]


def test_numbers_do_not_depend_on_the_process() -> None:
    code = (
        "from flaky_load_balancer.simulation.fleets.chance import *\n"
        "print(float(uniform(key(seeds(1, 1), 'T1', 2, 'x'), 3)[0]).hex())"
    )
    here = float(uniform(key(seeds(1, 1), "T1", 2, "x"), 3)[0]).hex()
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here


@settings(deadline=None)
@given(seed=st.integers(), counter=st.integers(0, 2**62))
def test_any_integer_is_a_seed(seed: int, counter: int) -> None:
    number = uniform(key(seeds(seed, 1), "name", 0, "purpose"), counter)
    assert number.shape == (1,)
    assert 0 < number[0] < 1


def test_normal_numbers_are_normal() -> None:
    assert stats.kstest(normal(along("counters")), "norm").pvalue > 0.001


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sets(st.integers(0, 2), min_size=1), st.booleans()), max_size=300))
def test_streams_are_read_in_order(steps: list[tuple[set[int], bool]]) -> None:
    keys = key(seeds(0, 1), "T1", np.arange(3), "outcome")
    streams = Streams(keys, lambda _, number: number)
    streams_of_few = Streams(np.resize(keys, 50_000), lambda _, number: number)
    read = np.zeros(3, dtype=np.intp)
    for which, used in steps:
        some = np.array(sorted(which))
        expected = uniform(keys[some], read[some])
        flags = np.full(len(some), used)
        np.testing.assert_array_equal(streams.next(some, flags), expected)
        np.testing.assert_array_equal(streams_of_few.next(some, flags), expected)
        read[some] += used
    np.testing.assert_array_equal(streams.read, read)
