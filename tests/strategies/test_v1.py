"""V1 by hand: explore by variance for 49 requests, then the best rate among untried servers."""

from math import inf

import pytest

from strategies.v1_intuition import Intuition
from tests.strategies.table import Table, choices


def test_the_first_choice_is_uniform() -> None:
    assert choices(Intuition) == {0, 1, 2}


def test_the_choice_is_uniform_while_no_candidate_was_attempted() -> None:
    chosen = set()
    for seed in range(40):
        played = Table(Intuition(), 4, seed=seed)
        played.tell(2, "SF")
        chosen.add(played.arm(2, tried=(2,)))
    assert chosen == {0, 1, 3}


def test_unattempted_servers_come_first_in_order() -> None:
    played = Table(Intuition(), 4)
    played.tell(0, "S")
    assert played.index() == [pytest.approx(1 * 2 / (9 * 4)), inf, inf, inf]
    assert played.arm() == 1
    assert played.arm(2, tried=(1,)) == 2


def test_then_the_largest_variance() -> None:
    played = Table(Intuition())
    played.tell(0, "SSF")  # Beta(3, 2): 6 / (25 x 6)
    played.tell(1, "SF")  # Beta(2, 2): 4 / (16 x 5)
    played.tell(2, "SSSS")  # Beta(5, 1): 5 / (36 x 7)
    assert played.index() == pytest.approx([0.04, 0.05, 5 / 252])
    assert played.arm() == 1
    assert played.arm(2, tried=(1,)) == 0


def test_refusals_are_failures_and_cancelled_attempts_nothing() -> None:
    refused, failed = Table(Intuition(), 1), Table(Intuition(), 1)
    refused.tell(0, "SRC")
    failed.tell(0, "SF")
    assert refused.index() == failed.index() == [0.05]


def test_ties_go_to_the_lowest_index() -> None:
    played = Table(Intuition())
    for arm in (0, 1, 2):
        played.tell(arm, "SF")
    assert played.arm() == 0
    assert played.arm(2, tried=(0,)) == 1


def after_requests(asked: int) -> Table:
    """Server 0 is surely good, server 1 unsure; so many requests have begun."""
    played = Table(Intuition(), 2)
    played.tell(0, "SSSSSSSSSS")
    played.tell(1, "SF")
    for _ in range(asked):
        played.arm(1)
    return played


def test_forty_nine_requests_explore_and_the_fiftieth_does_not() -> None:
    played = after_requests(48)
    assert played.arm(1) == 1  # request 49
    assert played.arm(1) == 0  # request 50


def test_retries_are_not_counted() -> None:
    played = after_requests(10)
    for _ in range(100):
        played.arm(2)
    assert played.arm(1) == 1


def test_a_retry_of_an_exploring_request_exploits_once_fifty_have_begun() -> None:
    played = after_requests(50)
    assert played.arm(2) == 0


def test_later_the_largest_rate_among_untried_attempted_servers() -> None:
    played = Table(Intuition(explore_requests=0), 4)
    played.tell(1, "SF")
    played.tell(3, "SSF")
    assert played.index() == [-1.0, 1 / 2, -1.0, 2 / 3]
    assert played.arm() == 3
    assert played.arm(2, tried=(3,)) == 1
    assert played.arm(3, tried=(1, 3)) == 0  # nothing attempted left: the first untried
    assert played.arm(3, tried=(0, 1, 3)) == 2


def test_beliefs_are_the_posterior() -> None:
    played = Table(Intuition())
    played.tell(0, "SSFR")  # Beta(3, 3)
    beliefs = played.beliefs()
    assert beliefs["mean"] == [0.5, 0.5, 0.5]
    assert beliefs["low"] == pytest.approx([0.146633, 0.025, 0.025], abs=1e-6)
    assert beliefs["high"] == pytest.approx([0.853367, 0.975, 0.975], abs=1e-6)


@pytest.mark.parametrize("wrong", [-1, 1.5, True])
def test_hyperparameters_are_checked(wrong: int) -> None:
    with pytest.raises(ValueError, match="explore_requests must be a whole number at least 0"):
        Intuition(explore_requests=wrong)
