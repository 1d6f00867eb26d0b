"""The parts of cascade's capacity, by hand: admissions, boundaries, limiters, forecasts."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Floats, Outcome
from strategies.capacity.admissions import DEPTH, Admissions
from strategies.capacity.boundaries import Boundaries
from strategies.capacity.capacity import Capacity
from strategies.capacity.forecast import LEVELS
from strategies.capacity.limiters import FIRST_FIXED, FIRST_SLIDING, FIXED, SLIDING, Asked, Limiters

ROW = np.array([0])
NEVER = np.full(1, -np.inf)


def times(*numbers: float) -> Floats:
    return np.array(numbers)


class Server:
    """A limiter; capacity is told of everything that is sent."""

    def __init__(self, most: int, window: float, *, fixed: bool) -> None:
        self.most, self.window, self.fixed = most, window, fixed
        self.capacity = Capacity(1, 1, drift=2.0)
        self.admitted: list[float] = []

    def send(self, now: float) -> bool:
        start = np.floor(now / self.window) * self.window if self.fixed else now - self.window
        refused = sum(t >= start + 1e-9 * (not self.fixed) for t in self.admitted) >= self.most
        if not refused:
            self.admitted.append(now)
        self.capacity.enter(ROW, ROW, times(now), times(np.nan))
        outcome = np.array([int(Outcome.RATE_LIMITED if refused else Outcome.SUCCEEDED)])
        self.capacity.learn(Feedback.of(ROW, times(now), ROW, outcome, times(0.0), times(np.nan)))
        return not refused

    def ready(self) -> float:
        """When it admits as likely as not."""
        return float(self.capacity.ready_at(ROW)[0, 0, 1])


def admissions_of(*entries: float) -> Admissions:
    admissions = Admissions(1)
    for entry in entries:
        admissions.add(ROW, times(entry))
    return admissions


def test_entries_are_sorted_the_newest_first_and_can_be_removed() -> None:
    admissions = admissions_of(3.0, 1.0, 2.0)
    assert admissions.times[0, :4].tolist() == [3.0, 2.0, 1.0, -np.inf]
    admissions.remove(ROW, admissions.rank(ROW, times(2.0)))
    assert admissions.times[0, :3].tolist() == [3.0, 1.0, -np.inf]


def test_the_oldest_entries_are_forgotten() -> None:
    admissions = admissions_of(*range(DEPTH + 5))
    assert (admissions.times[0, 0], admissions.times[0, -1]) == (DEPTH + 4, 5)


def needs(*entries: float) -> Floats:
    """What the last of these attempts needed, for every limiter."""
    limiters = Limiters(1, 1, admissions_of(*entries))
    limiters.boundaries.begin(ROW, times(0.0))
    need, _ = limiters.needed_by_each(ROW, ROW * 0, times(entries[-1]))
    found: Floats = np.exp(need[0])
    return found


def test_a_bucket_of_burst_one_needs_the_rate_of_the_last_two() -> None:
    assert needs(10.0, 10.5)[0] == pytest.approx(2.0)


def test_a_bucket_needs_nothing_while_its_burst_lasts() -> None:
    need = needs(10.0, 10.1, 10.2)
    assert need[2] < 1e-4
    assert need[1] == pytest.approx(5.0)


def test_a_sliding_window_needs_room_for_those_inside_and_one() -> None:
    window = FIRST_SLIDING + int(np.flatnonzero(np.isclose(SLIDING, 0.8, rtol=0.01))[0])
    assert needs(10.0, 10.5, 11.0)[window] == pytest.approx(2)


def test_a_fixed_window_needs_room_for_those_since_it_began() -> None:
    limiters = Limiters(1, 1, admissions_of(9.9, 10.1, 10.3))
    limiters.boundaries.begin(ROW, times(0.0))
    limiters.boundaries.short[0] = limiters.boundaries.long[0] = 2.0
    need, sure = limiters.needed_by_each(ROW, ROW * 0, times(10.3))
    assert sure[0, FIRST_FIXED:].all()
    assert np.exp(need[0, FIRST_FIXED:]) == pytest.approx(2)


@pytest.mark.parametrize("limiter", [0, 3, FIRST_SLIDING + 10, FIRST_FIXED + 5])
def test_one_limiter_alone_needs_the_same_as_among_all(limiter: int) -> None:
    entries = 10 + np.random.default_rng(1).random(40).cumsum() / 10
    limiters = Limiters(1, 1, admissions_of(*entries))
    limiters.boundaries.begin(ROW, times(0.0))
    limiters.boundaries.short[0] = limiters.boundaries.long[0] = FIXED
    rank, sent = np.array([3]), entries[-4:-3]
    every, _ = limiters.needed_by_each(ROW, rank, sent)
    alone = limiters.needed(ROW, np.array([limiter]), rank, sent)
    assert alone[0] == pytest.approx(every[0, limiter], abs=1e-3)


@pytest.mark.parametrize(
    ("limiter", "limit", "ready"),
    [(0, 4.0, 10.65), (1, 4.0, 10.25), (FIRST_SLIDING + 12, 2.0, 10.8024)],
)
def test_ready_is_when_the_limit_admits_again(limiter: int, limit: float, ready: float) -> None:
    """A bucket of one at 4 per second, one of two, and 2 in 0.8 seconds."""
    limiters = Limiters(1, 1, admissions_of(10.0, 10.4))
    asked = Asked(ROW, np.array([limiter]), ROW * 0, None)
    found = limiters.ready(asked, np.full((1, 1), limit), NEVER)
    assert found[0, 0] == pytest.approx(ready)


def test_brackets_find_the_length_of_windows() -> None:
    boundaries = Boundaries(1, FIXED)
    boundaries.begin(ROW, times(0.0))
    for k in range(1, 20):
        boundaries.learn(ROW, times(k * 3.7 - 0.05), times(k * 3.7 + 0.05))
    cell = int(np.argmin(np.abs(np.log(FIXED / 3.7))))
    assert boundaries.long[0, cell] - boundaries.short[0, cell] < 0.01
    assert boundaries.short[0, cell] < 3.7 < boundaries.long[0, cell]


def test_windows_that_began_before_the_run_are_found_as_well() -> None:
    boundaries = Boundaries(1, FIXED)
    boundaries.begin(ROW, times(0.0))
    for k in range(40):
        boundaries.learn(ROW, times(1.3 + k * 3.7 - 0.05), times(1.3 + k * 3.7 + 0.05))
    cell = np.array([int(np.argmin(np.abs(np.log(FIXED / 3.7))))])
    start, early, late = boundaries.next(ROW, cell, times(1.3 + 40 * 3.7 + 1.0))
    assert start[0] == pytest.approx(1.3 + 40 * 3.7, abs=0.1)
    assert early[0] - 0.1 < 1.3 + 41 * 3.7 < late[0] + 0.1


@pytest.mark.parametrize("fixed", [True, False])
def test_limits_are_learnt_of_windows_of_any_length(fixed: bool) -> None:
    server = Server(3, 2.3, fixed=fixed)
    now, refused = 0.0, 0
    for step in range(400):
        now += 0.11
        if server.ready() <= now:
            refused += not server.send(now) and step > 200
    assert refused < 15
    assert len(server.admitted) > 0.75 * 3 * now / 2.3


def test_a_server_that_never_refused_is_open() -> None:
    server = Server(1000, 1.0, fixed=True)
    for step in range(100):
        server.send(0.01 * step)
    assert server.ready() == -np.inf
    assert server.capacity.rate(ROW)[0, 0] == np.inf


def test_later_times_are_surer() -> None:
    server = Server(2, 1.0, fixed=False)
    for now in (0.0, 0.1, 0.2, 0.7, 1.05, 1.15, 1.3):
        server.send(now)
    ready = server.capacity.ready_at(ROW)[0, 0]
    assert len(ready) == len(LEVELS)
    assert (np.diff(ready) >= 0).all()


def test_retry_after_is_a_whole_second_rounded_up() -> None:
    server = Server(1, 5.0, fixed=False)
    server.send(0.0)
    server.capacity.enter(ROW, ROW, times(1.0), times(np.nan))
    refused = np.array([int(Outcome.RATE_LIMITED)])
    server.capacity.learn(Feedback.of(ROW, times(1.0), ROW, refused, times(0.0), times(4.0)))
    ready = server.capacity.ready_at(ROW)[0, 0]
    assert ready[0] >= 4.0
    assert ready[-1] >= 5.0


def test_refusals_that_were_not_expected_are_answered_with_longer_pauses() -> None:
    server = Server(0, 1.0, fixed=False)
    now, pauses = 0.0, []
    for _ in range(8):
        server.send(now)
        pauses.append(server.ready() - now)
        now += pauses[-1]
    assert pauses[-1] > 1.0
    assert pauses[0] < pauses[-1]


def test_refusals_that_were_expected_make_no_pause_longer() -> None:
    server = Server(0, 1.0, fixed=False)
    server.send(0.0)
    first = server.ready()
    for k in range(1, 6):
        server.send(0.001 * k)
        server.ready()
    assert server.ready() - 0.005 == pytest.approx(first, abs=1e-3)


def test_a_limiter_that_asks_for_more_than_any_limit_is_soon_left_behind() -> None:
    """Two at once are too much for a bucket that holds one; so is every answer from then on."""
    server = Server(50, 60.0, fixed=False)
    behind = []
    for now in (1.0, 1.001, 2.0, 3.0, 4.0, 5.0):
        assert server.send(now)
        score = server.capacity.model.requests.posterior.score[0]
        behind.append(score[1] - score[0])  # buckets of two, of one
    assert behind[0] == 0
    assert (np.diff(behind[1:]) > 1.0).all()


def promised() -> tuple[Server, float]:
    """A server that admits one every two seconds, and for when its next admission is promised."""
    server = Server(1, 2.0, fixed=False)
    for now in np.arange(0.0, 40.0, 0.5):
        server.send(float(now))
    ready = server.ready()
    server.capacity.enter(ROW, ROW, times(ready), times(np.nan))
    return server, ready


def test_a_promise_stands_while_nobody_refuses() -> None:
    server, ready = promised()
    kept = server.capacity.redeem(ROW, ROW, times(ready), times(39.9), times(ready))
    assert kept.tolist() == [True]
    assert server.capacity.model.admissions.times[0, 0] == ready


def test_a_promise_is_taken_back_when_a_refusal_contradicts_it() -> None:
    server, ready = promised()
    for pause in (0.001, 0.002, 0.003):
        assert not server.send(39.9 + pause)
    kept = server.capacity.redeem(ROW, ROW, times(ready), times(39.8), times(39.91))
    assert kept.tolist() == [False]
    assert ready not in server.capacity.model.admissions.times
