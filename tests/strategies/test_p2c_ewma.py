"""p2c-ewma by hand: decays, peaks, penalties, requests in flight."""

from math import exp

import numpy as np
import pytest

from strategies.p2c_ewma import P2cEwma
from tests.strategies.table import Table, choices

START = 1.8e9  # clocks may start anywhere


def table(arms: int = 2, *, seed: int = 0) -> Table:
    """The stopwatch runs, nothing is in flight, every server is worth 30 ms."""
    played = Table(P2cEwma(), arms, seed=seed)
    strategy = played.strategy
    assert isinstance(strategy, P2cEwma)
    strategy.watch.elapsed(np.array([0]), np.array([START]))
    strategy.in_flight[:] = 0
    return played


def loads(played: Table, after: float) -> list[float]:
    return played.beliefs(now=START + after)["load"]


def send(played: Table, arm: int, after: float = 0.0) -> None:
    """Have it choose this server by leaving no other untried."""
    others = tuple(other for other in range(played.arms) if other != arm)
    assert played.arm(2, tried=others, now=START + after) == arm


def test_a_value_decays_from_30_ms() -> None:
    played = table()
    assert loads(played, 0) == [0.03, 0.03]
    assert loads(played, 10) == pytest.approx([0.03 * exp(-1)] * 2)


def test_the_load_grows_with_requests_in_flight() -> None:
    played = table()
    send(played, 1)
    send(played, 1)
    assert loads(played, 0) == pytest.approx([0.03, 0.09])


@pytest.mark.parametrize("outcome", ["S", "F", "R", "C"])
def test_every_outcome_takes_a_request_out_of_flight(outcome: str) -> None:
    played = table()
    send(played, 0)
    assert played.beliefs(now=START)["in_flight"] == [1, 0]
    played.tell(0, outcome, now=START + 1)
    assert played.beliefs(now=START)["in_flight"] == [0, 0]


@pytest.mark.parametrize("outcome", ["S", "C"])  # latency of a success, time until cancelled
def test_a_peak_is_taken_at_once(outcome: str) -> None:
    played = table()
    send(played, 0)
    played.tell(0, outcome, now=START + 2, latency=0.5)
    assert loads(played, 2)[0] == 0.5
    assert loads(played, 7)[0] == pytest.approx(0.5 * exp(-0.5))


@pytest.mark.parametrize("outcome", ["S", "C"])
def test_what_is_below_is_approached_slowly(outcome: str) -> None:
    played = table()
    send(played, 0)
    played.tell(0, outcome, now=START + 2, latency=0.001)
    kept = exp(-0.2)
    assert loads(played, 2)[0] == pytest.approx(0.03 * kept + 0.001 * (1 - kept))


def test_a_failure_counts_as_five_seconds() -> None:
    played = table()
    send(played, 0)
    played.tell(0, "F", now=START, latency=0.001)
    assert loads(played, 0)[0] == 5


def test_a_failure_never_lowers_a_value() -> None:
    played = table()
    send(played, 0)
    send(played, 0)
    played.tell(0, "S", now=START, latency=60)
    played.tell(0, "F", now=START + 10)
    decayed = 60 * exp(-1)
    assert loads(played, 10)[0] == pytest.approx(decayed + decayed * (1 - exp(-1)))


@pytest.mark.parametrize(
    ("asked", "expected"), [(np.nan, 5), (1, 5), (20, 20), (300, 300), (4000, 300)]
)
def test_a_refusal_counts_as_long_as_it_asks_to_wait(asked: float, expected: float) -> None:
    played = table()
    send(played, 0)
    played.tell(0, "R", now=START, retry_after=asked)
    assert loads(played, 0)[0] == expected


def test_only_a_refusal_may_ask_to_wait() -> None:
    played = table()
    send(played, 0)
    played.tell(0, "F", now=START, retry_after=20)
    assert loads(played, 0)[0] == 5


def test_of_two_servers_the_less_loaded_wins() -> None:
    for seed in range(10):
        played = table(seed=seed)
        send(played, 0)
        played.tell(0, "S", now=START, latency=1)
        assert played.arm(now=START) == 1
        assert played.eligible(now=START) == [0, 1]


def test_the_index_is_minus_the_load() -> None:
    played = table()
    send(played, 0)
    played.tell(0, "S", now=START, latency=1)
    assert played.index(now=START) == pytest.approx([-1, -0.03])


def test_the_first_drawn_wins_a_tie() -> None:
    assert choices(P2cEwma, arms=2) == {0, 1}


def test_two_different_untried_servers_are_drawn() -> None:
    pairs = set()
    for seed in range(60):
        pairs.add(tuple(table(5, seed=seed).eligible(2, tried=(1, 3), now=START)))
    assert pairs == {(0, 2), (0, 4), (2, 4)}


def test_the_worst_of_many_is_never_chosen() -> None:
    for seed in range(20):
        played = table(3, seed=seed)
        send(played, 2)
        played.tell(2, "F", now=START)
        assert played.arm(now=START) != 2


def test_one_candidate_is_taken() -> None:
    assert table(3).eligible(3, tried=(0, 2), now=START) == [1]


def test_with_every_server_tried_all_are_candidates() -> None:
    chosen = {table(3, seed=seed).arm(9, tried=(0, 1, 2), now=START) for seed in range(40)}
    assert chosen == {0, 1, 2}


@pytest.mark.parametrize("name", ["first", "decay", "penalty", "retry_after_most"])
def test_hyperparameters_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a number"):
        P2cEwma(**{name: -1.0})
