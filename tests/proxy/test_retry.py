"""The retry rules, one by one, and the budget that bounds them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.config import Retry
from flaky_load_balancer.proxy.retry import RetryBudget, RetryPolicy, attempts_left


def test_what_may_be_processed_twice() -> None:
    policy = RetryPolicy(Retry())
    assert policy.repeatable(b"GET", [])
    assert policy.repeatable(b"PUT", [])
    assert not policy.repeatable(b"POST", [])
    assert not policy.repeatable(b"PATCH", [(b"Idempotency-Key", b"")])
    assert not policy.repeatable(b"get", [])  # methods are case-sensitive
    assert policy.repeatable(b"POST", [(b"Idempotency-KEY", b"7")])
    listed = RetryPolicy(Retry(methods=frozenset({"POST"})))
    assert listed.repeatable(b"POST", [])
    assert not listed.repeatable(b"GET", [])


@pytest.mark.parametrize(
    ("made", "tokens", "repeatable", "left"),
    [
        (0, 100, True, 101),
        (0, 0, True, 1),  # the first attempt needs no token
        (0, 100, False, 1),  # it may be the last: should it be processed and fail
        (1, 100, True, 100),
        (1, 0, True, 0),
        (1, 100, False, 1),  # the one before was surely not processed
        (1, 0, False, 0),
    ],
)
def test_attempts_left(made: int, tokens: int, repeatable: bool, left: int) -> None:
    assert attempts_left(made, tokens, repeatable=repeatable) == left


def test_the_reserve_is_full_at_the_start_and_comes_back() -> None:
    budget = RetryBudget(20, 10)
    assert budget.tokens(1000.0) == 100
    for _ in range(100):
        budget.take(1000.0)
    assert budget.tokens(1000.0) == 0
    assert budget.tokens(1009.9) == 0
    assert budget.tokens(1010.0) == 100


def test_requests_bring_a_share_of_a_token_that_lives_ten_seconds() -> None:
    budget = RetryBudget(20, 0)
    assert budget.tokens(5.0) == 0
    for _ in range(10):
        budget.arrive(5.0)
    assert budget.tokens(5.0) == 2
    assert budget.tokens(14.9) == 2
    assert budget.tokens(15.0) == 0


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=300))
def test_retries_in_any_ten_seconds_stay_within_share_and_reserve(
    steps: list[tuple[float, bool]],
) -> None:
    budget, now = RetryBudget(20, 1), 1e9
    requests: list[float] = []
    retries: list[float] = []
    for gap, wants in steps:
        now += gap
        budget.arrive(now)
        requests.append(now)
        if wants and budget.tokens(now):
            budget.take(now)
            retries.append(now)
        recent = [sum(t > now - 9 for t in times) for times in (retries, requests)]
        assert recent[0] <= 10 + 0.2 * sum(t > now - 19 for t in requests) + 1e-9
    assert budget.tokens(now) >= 0
