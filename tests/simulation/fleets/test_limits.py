"""Limiters and motions: by hand at every boundary, then against any flood."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fleets.chance import key, seeds
from flaky_load_balancer.simulation.fleets.limits import (
    FixedWindow,
    Limiter,
    SlidingWindow,
    TokenBucket,
)
from flaky_load_balancer.simulation.fleets.motions import Motion, Pieces, Sinusoid, Still, Walk

LANES = 3
LANE = np.arange(LANES)
KEYS = key(seeds(0, 1), "motions", LANE, "motion")
AMPLITUDE = np.array([0.9, 0.5, 1.0])
PERIOD = np.array([3.0, 0.7, 10.0])
PHASE = np.array([0.1, 0.5, 0.95])
MOTIONS: dict[str, Callable[[], Motion]] = {
    "still": Still,
    "sinusoid": lambda: Sinusoid(AMPLITUDE, PERIOD, 2 * np.pi * PHASE),
    "steps": lambda: Pieces(KEYS, AMPLITUDE, PERIOD, PHASE),
    "walk": lambda: Walk(KEYS, AMPLITUDE, PERIOD / 20, PHASE),
}
ONE = np.zeros(1, dtype=np.intp)


def at(t: float) -> Floats:
    return np.array([t])


def everywhere(t: float) -> Floats:
    return np.full(LANES, t)


def admits(limiter: Limiter, times: list[float]) -> list[bool]:
    return [bool(limiter.admit(ONE, at(t))[0]) for t in times]


class TestTokenBucket:
    def test_it_starts_full_and_refills(self) -> None:
        bucket = TokenBucket(np.array([4.0]), 2.0, Still(), burst=2.0)  # 2 tokens a second
        assert admits(bucket, [0, 0, 0, 0.49, 0.5, 0.5, 0.75]) == [1, 1, 0, 0, 1, 0, 0]
        assert bucket.remaining(ONE, at(0.75))[0] == pytest.approx(0.5)
        assert bucket.wait(ONE, at(0.75))[0] == pytest.approx(0.25)
        assert admits(bucket, [9, 9, 9]) == [1, 1, 0]  # no more than the burst was kept

    def test_asking_often_changes_nothing(self) -> None:
        often, seldom = (TokenBucket(np.array([1.0]), 1.0, Still(), burst=1.0) for _ in "12")
        admits(seldom, [0])
        assert sum(admits(often, np.linspace(0, 0.999, 500).tolist())) == 1
        assert admits(often, [1.0]) == admits(seldom, [1.0]) == [True]

    def test_a_limit_of_nothing_admits_the_burst(self) -> None:
        bucket = TokenBucket(np.array([0.0]), 1.0, Still(), burst=1.0)
        assert admits(bucket, [0, 1e6]) == [1, 0]
        assert bucket.wait(ONE, at(1e6))[0] > 1e9

    def test_bound_by_hand(self) -> None:
        bucket = TokenBucket(np.array([4.0]), 2.0, Still(), burst=3.0)
        assert bucket.admissions(ONE, at(1), at(6))[0] == pytest.approx(13)


class TestFixedWindow:
    def test_windows_start_at_zero(self) -> None:
        limiter = FixedWindow(np.array([2.0]), 1.0, Still())
        times = [0, 0.9, 0.99, 1.0, 1.0, 1.5, 5.999, 6.0]
        assert admits(limiter, times) == [1, 1, 0, 1, 1, 0, 1, 1]
        assert limiter.remaining(ONE, at(6.5))[0] == 1
        assert limiter.remaining(ONE, at(7.0))[0] == 2
        assert limiter.wait(ONE, at(6.25))[0] == 0.75

    @pytest.mark.parametrize(("limit", "rounded"), [(0.0, 0), (0.49, 0), (0.5, 1), (2.5, 3)])
    def test_limits_are_rounded(self, limit: float, rounded: int) -> None:
        limiter = FixedWindow(np.array([limit]), 1.0, Still())
        assert sum(admits(limiter, [0.1] * 5)) == rounded

    def test_the_limit_is_that_of_the_windows_start(self) -> None:
        # 4 x (1 + sin(2 pi t / 4)): 4 in the first second, then 8, 4 and 0
        motion = Sinusoid(np.array([1.0]), np.array([4.0]), np.array([0.0]))
        limiter = FixedWindow(np.array([4.0]), 1.0, motion)
        assert [sum(admits(limiter, [s + 0.9] * 10)) for s in range(4)] == [4, 8, 4, 0]

    def test_bound_by_hand(self) -> None:
        limiter = FixedWindow(np.array([2.0]), 1.0, Still())
        assert limiter.admissions(ONE, at(0.0), at(0.0))[0] == 2
        assert limiter.admissions(ONE, at(0.5), at(3.0))[0] == 8  # windows 0, 1, 2 and 3


class TestSlidingWindow:
    def test_the_window_excludes_its_start(self) -> None:
        limiter = SlidingWindow(np.array([2.0]), 1.0, Still(), 1.0)
        times = [0, 0.5, 0.75, 0.99, 1.0, 1.25, 1.5, 1.75]
        assert admits(limiter, times) == [1, 1, 0, 0, 1, 0, 1, 0]
        assert limiter.wait(ONE, at(1.75))[0] == 0.25
        assert limiter.remaining(ONE, at(1.75))[0] == 0
        assert limiter.remaining(ONE, at(2.0))[0] == 1

    def test_a_limit_of_nothing_admits_nothing(self) -> None:
        limiter = SlidingWindow(np.array([0.4]), 1.0, Still(), 1.0)
        assert not any(admits(limiter, [0, 1, 2]))

    def test_a_falling_limit_counts_what_was_admitted_under_the_higher_one(self) -> None:
        motion = Sinusoid(np.array([1.0]), np.array([4.0]), np.array([0.0]))
        limiter = SlidingWindow(np.array([4.0]), 1.0, motion, 2.0)
        assert sum(admits(limiter, [1.0] * 10)) == 8
        assert sum(admits(limiter, [1.999] * 10)) == 0
        assert sum(admits(limiter, [2.0] * 10)) == 4

    def test_large_limits_take_no_room_before_they_are_used(self) -> None:
        limiter = SlidingWindow(np.full(10_000, 1e6), 1.0, Still(), 1.0)
        assert limiter.admit(np.arange(10_000), np.zeros(10_000)).all()

    def test_rings_grow_without_forgetting(self) -> None:
        limiter = SlidingWindow(np.array([200.0]), 1.0, Still(), 1.0)
        assert sum(admits(limiter, np.linspace(0, 0.999, 500).tolist())) == 200
        assert sum(admits(limiter, np.linspace(1, 1.999, 500).tolist())) == 200

    def test_bound_by_hand(self) -> None:
        limiter = SlidingWindow(np.array([2.0]), 1.0, Still(), 1.0)
        assert limiter.admissions(ONE, at(0.0), at(0.9))[0] == 2
        assert limiter.admissions(ONE, at(0.0), at(1.0))[0] == 4


LIMITERS: dict[str, Callable[[Motion], Limiter]] = {
    "token-bucket": lambda motion: TokenBucket(np.array([1.5, 8.0, 0.3]), 0.5, motion, 3.0),
    "fixed-window": lambda motion: FixedWindow(np.array([2.0, 5.0, 1.0]), 0.5, motion),
    "sliding-window": lambda motion: SlidingWindow(np.array([2.0, 90.0, 1.0]), 0.5, motion, 2.0),
}


def reference(
    kind: str, limiter: FixedWindow | SlidingWindow, times: list[float]
) -> list[list[bool]]:
    """The rules of windows once more, without any cleverness."""
    admitted: list[list[float]] = [[] for _ in LANE]
    answers = []
    for t in times:
        start = np.floor(t / 0.5) * 0.5 if kind == "fixed-window" else t
        factor = limiter.motion.factor(LANE, everywhere(start))
        answer = []
        for lane in LANE:
            limit = int(np.floor(limiter.limit[lane] * factor[lane] + 0.5))
            recent = [
                s for s in admitted[lane] if (s >= start if kind == "fixed-window" else s + 0.5 > t)
            ]
            answer.append(len(recent) < limit)
            if answer[-1]:
                admitted[lane].append(t)
        answers.append(answer)
    return answers


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("kind", LIMITERS)
class TestAnyFlood:
    @settings(max_examples=15, deadline=None)
    @given(
        gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.3)), min_size=1, max_size=150),
        start=st.integers(0, 149),
    )
    def test_never_admits_more_than_its_bound(
        self, kind: str, motion: str, gaps: list[float], start: int
    ) -> None:
        limiter = LIMITERS[kind](MOTIONS[motion]())
        times = np.cumsum(gaps)
        start = min(start, len(times) - 1)
        admitted = np.array([limiter.admit(LANE, everywhere(t)) for t in times])
        for since in (0, start):
            most = limiter.admissions(LANE, everywhere(times[since]), everywhere(times[-1]))
            assert (admitted[since:].sum(axis=0) <= most + 1e-6).all()

    @settings(max_examples=15, deadline=None)
    @given(gaps=st.lists(st.floats(0, 0.3), min_size=1, max_size=60))
    def test_what_remains_is_admitted_and_no_more(
        self, kind: str, motion: str, gaps: list[float]
    ) -> None:
        limiter = LIMITERS[kind](MOTIONS[motion]())
        for t in np.cumsum(gaps):
            remaining = limiter.remaining(LANE, everywhere(t))
            assert (limiter.rate(LANE, everywhere(t)) >= 0).all()
            np.testing.assert_array_equal(limiter.admit(LANE, everywhere(t)), remaining >= 1 - 1e-9)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("kind", ["fixed-window", "sliding-window"])
@settings(max_examples=15, deadline=None)
@given(gaps=st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.1, 0.125, 0.5]), max_size=100))
def test_windows_agree_with_counting(kind: str, motion: str, gaps: list[float]) -> None:
    limiter = LIMITERS[kind](MOTIONS[motion]())
    assert isinstance(limiter, FixedWindow | SlidingWindow)
    times = np.cumsum(gaps).tolist()
    found = [limiter.admit(LANE, everywhere(t)).tolist() for t in times]
    assert found == reference(kind, limiter, times)


@pytest.mark.parametrize("name", MOTIONS)
class TestMotions:
    def test_area_is_the_integral_of_the_factor(self, name: str) -> None:
        motion = MOTIONS[name]()
        times = np.linspace(0, 40, 400_001)
        middle = (times[1:] + times[:-1]) / 2
        for lane in range(LANES):
            lanes: Ints = np.full(len(middle), lane)
            summed = np.cumsum(motion.factor(lanes, middle)) * 1e-4
            area = motion.area(lanes, times[1:])
            assert motion.area(lanes[:1], at(0.0))[0] == pytest.approx(0, abs=1e-12)
            np.testing.assert_allclose(area, summed, atol=2e-3)

    @settings(deadline=None)
    @given(start=st.floats(0, 50), length=st.floats(0, 20))
    def test_no_factor_is_above_the_peak(self, name: str, start: float, length: float) -> None:
        motion = MOTIONS[name]()
        peak = motion.peak(LANE, everywhere(start), everywhere(start + length))
        for t in np.linspace(start, start + length, 50):
            assert (motion.factor(LANE, everywhere(t)) <= peak + 1e-9).all()

    def test_factors_stay_in_range_and_use_it(self, name: str) -> None:
        motion = MOTIONS[name]()
        times = np.linspace(0, 2000, 40_000)
        for lane in range(LANES):
            deviation = motion.factor(np.full(len(times), lane), times) - 1
            amplitude = 0 if name == "still" else AMPLITUDE[lane]
            assert abs(deviation).max() <= amplitude + 1e-9
            assert deviation.max() >= 0.9 * amplitude
            assert deviation.min() <= -0.9 * amplitude


def test_steps_change_every_period_and_walks_change_little() -> None:
    def jumps(name: str) -> Floats:
        times = np.arange(0, 600, 0.05)
        factor = MOTIONS[name]().factor(np.zeros(len(times), dtype=np.intp), times)
        differences = np.diff(factor)
        return differences[abs(differences) > 1e-9]

    assert len(jumps("steps")) == pytest.approx(600 / 3.0, abs=1)
    assert abs(jumps("walk")).max() <= 0.9 * np.sqrt(3 / 20) + 1e-9
    assert len(jumps("walk")) == pytest.approx(600 / 0.15, rel=0.01)


def test_what_a_motion_does_does_not_depend_on_how_far_it_was_asked() -> None:
    for name in ("steps", "walk"):
        near, far = MOTIONS[name](), MOTIONS[name]()
        far.factor(LANE, everywhere(5000.0))
        np.testing.assert_allclose(
            near.factor(LANE, everywhere(5.0)), far.factor(LANE, everywhere(5.0)), atol=1e-9
        )
