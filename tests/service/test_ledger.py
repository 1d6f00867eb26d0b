"""Counts that processes share: each writes its own cells, and the sum is never too large."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.proxy.counts import LIFETIME, Balance
from flaky_load_balancer.proxy.retry import RetryBudget
from flaky_load_balancer.service.workers import Ledger


@pytest.fixture
def ledgers() -> Iterator[list[Ledger]]:
    """The parent's, and those of two workers, as if in other processes."""
    parent = Ledger.new(2)
    parent.count("in flight", passing=True)
    parent.count("arrivals")
    parent.balance("retries")
    yield [parent, *(Ledger(parent.file, 2, parent.places, worker) for worker in range(2))]
    parent.close()


def test_the_sum_has_a_limit_whoever_adds_to_it(ledgers: list[Ledger]) -> None:
    whole, one, other = (each.count("in flight", passing=True) for each in ledgers)
    assert [one.take(3), other.take(3), one.take(3), other.take(3), one.take(3)] == [
        *(True, True, True, False, False)
    ]
    assert whole.total == 3
    other.add(-1)
    assert one.take(3)
    assert whole.total == 3


def test_numbers_are_given_once(ledgers: list[Ledger]) -> None:
    _, one, other = (each.count("arrivals") for each in ledgers)
    assert [one.next(), other.next(), one.next(), one.next(), other.next()] == [1, 2, 3, 5, 4]


def test_what_a_dead_worker_had_in_flight_is_gone_and_its_numbers_are_not(
    ledgers: list[Ledger],
) -> None:
    parent, one, _ = ledgers
    flying, arrivals = one.count("in flight", passing=True), one.count("arrivals")
    flying.add(2)
    assert arrivals.next() == 1
    parent.clear(0)
    again = Ledger(parent.file, 2, parent.places, 0)
    assert again.count("in flight", passing=True).total == 0
    assert again.count("arrivals").next() == 3


def test_two_workers_have_one_retry_budget(ledgers: list[Ledger]) -> None:
    one, other = (RetryBudget(0, 0.5, each.balance("retries")) for each in ledgers[1:])
    taken = [budget.take(100.0) for budget in (one, other, one, other, one, other, one)]
    assert taken == [True] * 5 + [False] * 2
    assert other.tokens(100.0) == 0
    assert other.tokens(109.9) == 0
    assert one.tokens(110.0) == other.tokens(110.0) == 5


@given(st.lists(st.tuples(st.floats(0, 4), st.integers(0, 2), st.integers(-3, 3)), max_size=60))
def test_a_balance_of_several_is_that_of_one_that_does_it_all(
    steps: list[tuple[float, int, int]],
) -> None:
    rows = [[0.0] * (LIFETIME + 1) for _ in range(3)]
    several, single, now = [Balance(rows, mine) for mine in range(3)], Balance(), 1e6
    for gap, which, amount in steps:
        now += gap
        several[which].add(now, amount)
        single.add(now, amount)
        assert {each.total(now) for each in several} == {single.total(now)}
    assert several[0].total(now + LIFETIME) == 0
