"""Limits in tokens, by hand, and that cascade's model tells them from limits in requests."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Floats, Outcome
from strategies.capacity.admissions import Admissions
from strategies.capacity.capacity import Capacity
from strategies.capacity.limiters import FIRST_FIXED, FIRST_SLIDING, SLIDING, Asked
from strategies.capacity.tokens import DEPTHS, TokenLimiters

ROW = np.array([0])
NEVER = np.full(1, -np.inf)
TWO_SECONDS = FIRST_SLIDING + int(np.abs(SLIDING - 2.0).argmin())
BUCKET_OF_TWO = int(np.flatnonzero(DEPTHS == 2.0)[0])


def one(number: float) -> Floats:
    return np.array([number])


def sized(*entries: tuple[float, float]) -> TokenLimiters:
    """Limiters of a server that admitted attempts at these times, of these sizes."""
    admissions = Admissions(1)
    for time, size in entries:
        admissions.add(ROW, one(time), one(size))
    limiters = TokenLimiters(1, 1, admissions)
    limiters.boundaries.begin(ROW, one(0.0))
    return limiters


def test_sizes_stay_with_their_times() -> None:
    admissions = sized((3.0, 30.0), (1.0, 10.0), (2.0, 20.0)).admissions
    assert admissions.sizes[0, :3].tolist() == [30.0, 20.0, 10.0]
    admissions.remove(ROW, np.array([1]), sized=True)
    assert admissions.sizes[0, :2].tolist() == [30.0, 10.0]
    assert admissions.used(ROW, np.array([1]))[0, :2].tolist() == [0.0, 10.0]


def test_a_single_entry_is_added_as_one_of_many() -> None:
    alone, together, rows = Admissions(2), Admissions(2), np.array([0, 1])
    for time, size in ((3.0, 30.0), (1.0, 10.0), (3.0, 20.0), (4.0, 40.0)):
        together.add(rows, np.full(2, time), np.full(2, size))
        for row in rows:
            alone.add(np.array([row]), one(time), one(size))
    assert np.array_equal(alone.times, together.times)
    assert np.array_equal(alone.sizes, together.sizes)


def test_a_window_needs_room_for_what_is_inside_and_the_attempt() -> None:
    limiters = sized((10.0, 3.0), (11.0, 0.5), (12.5, 4.0))
    need, _ = limiters.needed_by_each(ROW, ROW * 0, one(12.5))
    assert np.exp(need[0, TWO_SECONDS]) == pytest.approx(4.5)


def test_a_bucket_needs_what_it_lacks_to_be_refilled_in_time() -> None:
    limiters = sized((10.0, 1.0), (11.0, 2.0), (12.0, 1.5))
    need, _ = limiters.needed_by_each(ROW, ROW * 0, one(12.0))
    assert np.exp(need[0, BUCKET_OF_TWO]) == pytest.approx(max(1.5 / 1.0, 2.5 / 2.0))


@pytest.mark.parametrize("limiter", [BUCKET_OF_TWO, TWO_SECONDS, FIRST_FIXED + 9])
def test_one_limiter_alone_needs_the_same_as_among_all(limiter: int) -> None:
    random = np.random.default_rng(4)
    times = 10 + random.random(40).cumsum() / 10
    limiters = sized(*zip(times, 2 * random.random(40), strict=True))
    rank, sent = np.array([3]), times[-4:-3]
    every, _ = limiters.needed_by_each(ROW, rank, sent)
    alone = limiters.needed(ROW, np.array([limiter]), rank, sent)
    assert alone[0] == pytest.approx(every[0, limiter], abs=1e-3)


def ready(limiters: TokenLimiters, limiter: int, limit: float, size: float) -> float:
    asked = Asked(ROW, np.array([limiter]), ROW * 0, one(size))
    return float(limiters.ready(asked, np.full((1, 1), limit), NEVER)[0, 0])


def test_a_small_attempt_is_admitted_by_a_window_before_a_large_one() -> None:
    limiters = sized((10.0, 3.0), (11.0, 1.0))
    assert ready(limiters, TWO_SECONDS, 5.0, 1.0) == -np.inf
    assert ready(limiters, TWO_SECONDS, 5.0, 2.0) == pytest.approx(12.0, abs=0.01)
    assert ready(limiters, TWO_SECONDS, 5.0, 5.0) == pytest.approx(13.0, abs=0.01)


def test_a_bucket_is_ready_when_what_an_attempt_takes_has_come() -> None:
    limiters = sized((10.0, 2.0))
    assert ready(limiters, BUCKET_OF_TWO, 0.5, 1.0) == pytest.approx(12.0)
    assert ready(limiters, BUCKET_OF_TWO, 0.5, 2.0) == pytest.approx(14.0)


class Provider:
    """A server that admits so many requests and tokens in any two seconds."""

    def __init__(self, requests: int, tokens: float) -> None:
        self.most, self.tokens = requests, tokens
        self.capacity = Capacity(1, 1, drift=2.0)
        self.admitted: list[tuple[float, float]] = []

    def ready(self, now: float, size: float) -> bool:
        wait = self.capacity.wait(ROW, one(now), one(size))
        return wait is None or bool(wait[0, 0, 1] <= 0)

    def send(self, now: float, size: float) -> bool:
        inside = [amount for time, amount in self.admitted if time > now - 2.0]
        refused = len(inside) >= self.most or sum(inside) + size > self.tokens
        if not refused:
            self.admitted.append((now, size))
        outcome = np.array([int(Outcome.RATE_LIMITED if refused else Outcome.SUCCEEDED)])
        self.capacity.enter(ROW, ROW, one(now), one(size))
        ended = ROW, one(now), ROW, outcome, one(0.0), one(np.nan)
        self.capacity.learn(Feedback.of(*ended, size=one(size)))
        return not refused


def play(provider: Provider, steps: int = 600) -> tuple[int, Floats]:
    """Send where it looks ready: refusals in the last half, and what limits are believed in."""
    random, refused = np.random.default_rng(5), 0
    for step in range(steps):
        now, size = 0.13 * step, float(random.lognormal(np.log(500.0), 1.0))
        if provider.ready(now, size):
            refused += not provider.send(now, size) and step > steps // 2
    return refused, provider.capacity.model.units.there(ROW)[0]


def test_a_limit_in_tokens_is_learnt_and_told_from_one_in_requests() -> None:
    refused, (requests, tokens) = play(Provider(1_000, 4_000.0))
    assert refused < 25
    assert tokens > 0.9
    assert requests < 0.5


def test_a_limit_in_requests_is_told_from_one_in_tokens() -> None:
    refused, (requests, tokens) = play(Provider(5, 1e9))
    assert refused < 25
    assert requests > 0.9
    assert tokens < 0.5


def test_sizes_that_are_not_known_cost_nothing() -> None:
    provider = Provider(5, np.inf)
    for step in range(50):
        provider.send(0.1 * step, np.nan)
    assert not provider.capacity.model.units.sized
