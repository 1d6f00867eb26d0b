"""The parts of cascade's capacity, by hand: ledger, spacing, windows, allowance, tickets."""

import numpy as np
import pytest

from flaky_load_balancer.types import Feedback, Floats, Outcome
from strategies.parts.capacity import Capacity
from strategies.parts.ledger import Ledger
from strategies.parts.spacing import COUNTS, Spacing, chance
from strategies.parts.tickets import Tickets

ROW = np.array([0])


def times(*numbers: float) -> Floats:
    return np.array(numbers)


class Limit:
    """A fixed window: ``most`` admissions each; capacity is told of everything that is sent."""

    def __init__(self, most: int, window: float) -> None:
        self.most, self.window = most, window
        self.capacity = Capacity(1, 1, drift=20.0, growth=10.0)
        self.admitted: list[float] = []

    def send(self, now: float) -> bool:
        number = np.floor(now / self.window)
        used = sum(np.floor(t / self.window) == number for t in self.admitted)
        refused = used >= self.most
        if not refused:
            self.admitted.append(now)
        self.capacity.enter(ROW, ROW, times(now))
        outcome = np.array([int(Outcome.RATE_LIMITED if refused else Outcome.SUCCEEDED)])
        nothing = times(np.nan)
        self.capacity.learn(Feedback(ROW, times(now), ROW, outcome, times(0.0), nothing))
        return not refused


def test_entries_are_sorted_the_newest_first_and_can_be_struck_out() -> None:
    ledger = Ledger(1, 1)
    for time in (3.0, 1.0, 2.0):
        ledger.enter(ROW, ROW, times(time))
    assert ledger.times[0, 0, :4].tolist() == [3.0, 2.0, 1.0, -np.inf]
    ledger.strike(ROW, ROW, ledger.rank(ROW, ROW, times(2.0)))
    assert ledger.times[0, 0, :3].tolist() == [3.0, 1.0, -np.inf]


def test_the_chance_of_admission_rises_with_age() -> None:
    ages = times(0.01, 0.1, np.sqrt(0.1), 1.0, np.inf)
    assert chance(ages, times(0.1), times(1.0)) == pytest.approx([0, 0, 0.5, 1, 1])


def test_every_answer_narrows_the_interval() -> None:
    spacing = Spacing(1, 1, drift=1e9, growth=1e9)
    for now, age, refused in ((1.0, 0.4, False), (2.0, 0.1, True), (3.0, 0.2, False)):
        ages = np.full((1, len(COUNTS)), np.inf)
        ages[0, 0] = age
        spacing.learn(ROW, ROW, times(now), ages, np.array([refused]))
    count, low, high = spacing.interval(ROW, ROW, times(3.0))
    assert (count[0], low[0], high[0]) == pytest.approx((1, 0.1, 0.2))


def test_an_interval_that_is_contradicted_moves() -> None:
    spacing = Spacing(1, 1, drift=1e9, growth=1e9)
    for now, age, refused in ((1.0, 0.1, False), (2.0, 0.2, True)):
        ages = np.full((1, len(COUNTS)), age)
        spacing.learn(ROW, ROW, times(now), ages, np.array([refused]))
    _, low, high = spacing.interval(ROW, ROW, times(2.0))
    assert low[0] == pytest.approx(0.2)
    assert high[0] > 0.2


def test_what_is_known_grows_stale() -> None:
    spacing = Spacing(1, 1, drift=20.0, growth=1e9)
    spacing.learn(ROW, ROW, times(1.0), np.full((1, len(COUNTS)), 0.2), np.array([True]))
    _, low, _ = spacing.interval(ROW, ROW, times(1.0))
    _, later, _ = spacing.interval(ROW, ROW, times(1e5))
    assert later[0] < low[0]


def test_a_limit_is_tested_more_boldly_the_longer_nothing_was_refused() -> None:
    spacing = Spacing(1, 1, drift=1e9, growth=10.0)
    ages = np.full((1, len(COUNTS)), 1.0)
    spacing.learn(ROW, ROW, times(0.0), ages, np.array([True]))
    highs = []
    for now in range(1, 20):
        age = spacing.high[0, 0, :1] * np.ones((1, len(COUNTS)))
        spacing.learn(ROW, ROW, times(float(now)), age, np.array([False]))
        highs.append(spacing.high[0, 0, 0])
    falls = -np.diff(np.log(highs))
    assert falls[0] < 0.02
    assert falls[8] > 0.2


def test_the_length_of_windows_is_found_and_the_limit_in_them() -> None:
    limit = Limit(most=3, window=2.0)
    for tick in range(1200):
        limit.send(tick * 0.05 + 0.001 * (tick > 0))
    assert limit.capacity.windows.length[0] == 2.0
    assert limit.capacity.allowance.limit[0, 0] == 3
    assert limit.capacity.rate(ROW, times(60.0))[0, 0] == 1.5


def test_in_a_full_window_nothing_is_admitted_until_the_next_one_begins() -> None:
    limit = Limit(most=3, window=2.0)
    for tick in range(1200):
        limit.send(tick * 0.05 + 0.001 * (tick > 0))
    outlook = limit.capacity.outlook(ROW, times(59.97))
    assert outlook.chance(0.0)[0, 0] == 0
    assert outlook.wait(1.0)[0, 0] == pytest.approx(0.03)
    assert outlook.chance(outlook.wait(1.0))[0, 0] > 0.5


def test_a_bucket_is_not_taken_for_windows() -> None:
    capacity = Capacity(1, 1, drift=20.0, growth=10.0)
    rng, ready, now = np.random.default_rng(1), 0.0, 0.0
    for _ in range(400):
        now += rng.exponential(0.3)
        admitted = now >= ready
        ready = now + 0.7 if admitted else ready
        capacity.enter(ROW, ROW, times(now))
        outcome = np.array([int(Outcome.SUCCEEDED if admitted else Outcome.RATE_LIMITED)])
        capacity.learn(Feedback(ROW, times(now), ROW, outcome, times(0.0), times(np.nan)))
    assert np.isnan(capacity.windows.length[0])
    assert 1 / 1.0 < capacity.rate(ROW, times(now))[0, 0] < 1 / 0.5


def test_tickets_are_found_by_deadline_and_there_is_room_for_many() -> None:
    tickets = Tickets(1)
    for k in range(9):
        tickets.give(ROW, times(20.0 + k), np.array([k]), times(10.0 + k))
    for k in (8, 0, 4):
        holding, arm, time = tickets.take(ROW, times(20.0 + k))
        assert (holding.tolist(), arm.tolist(), time.tolist()) == ([0], [k], [10.0 + k])
        assert not tickets.take(ROW, times(20.0 + k))[0].size
