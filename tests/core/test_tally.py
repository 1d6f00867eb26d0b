"""Every number of a run, from its events alone."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.core.events import Attempt, Delivery, Ending, Event, Rewarded
from flaky_load_balancer.core.tally import RECENT, Tally, interpolated
from flaky_load_balancer.core.types import Outcome, Rules
from tests.records.making import RULES, START, attempt, delivery, events, story


def test_an_empty_run() -> None:
    assert Tally(RULES).run() == {
        "requests": 0,
        "delivered": 0,
        "given_up": 0,
        "attempts": 0,
        "paid_attempts": 0,
        "effort": None,
        "rate_limited": 0,
        "hedges": 0,
        "cost": 0.0,
        "reward": None,
        "score": 0.0,
        "bound": None,
        "regret": None,
        "latency_ms": {"p50": None, "p99": None},
        "offered_rate": None,
        "seconds": 0.0,
    }


def test_a_run_in_full() -> None:
    told: list[Event] = [
        *(attempt(1, number, outcome=Outcome.RATE_LIMITED) for number in range(1, 5)),
        attempt(1, 5, outcome=Outcome.SUCCEEDED),
        delivery(1, arrived=START, ended=START + 0.1, possibly_twice=True),
        attempt(2, 1, outcome=Outcome.CANCELLED),
        delivery(2, arrived=START + 1, ended=START + 1.1, ending=Ending.DEADLINE),
        delivery(3, arrived=START + 2, ended=START + 4, ending=Ending.GIVEN_UP),
    ]
    tally = Tally.of(told, RULES, lambda requests: 0.9 * requests)
    run = tally.run()
    assert (run["requests"], run["delivered"], run["given_up"]) == (3, 1, 2)
    assert (run["attempts"], run["paid_attempts"], run["rate_limited"]) == (6, 2, 4)
    assert (run["score"], run["bound"]) == (1 - 0.5 * 2, pytest.approx(2.7))
    assert run["regret"] == run["bound"] - run["score"]
    assert (run["offered_rate"], run["seconds"]) == (1.0, 4.0)
    assert run["latency_ms"]["p50"] == pytest.approx(100, rel=0.023)
    assert run["latency_ms"]["p99"] == pytest.approx(2000, rel=0.023)
    assert run["effort"] == 2.0  # so say the deliveries
    assert tally.possibly_twice == 1
    assert tally.endings[Ending.DEADLINE] == 1


@pytest.mark.parametrize(("free", "penalty", "score"), [(3, 0.5, -3.5), (0, 1.0, -10), (10, 2, 0)])
def test_the_rules_make_the_score(free: int, penalty: float, score: float) -> None:
    rules = Rules(3, free_attempts=free, penalty=penalty)
    assert Tally.of((attempt(1, n) for n in range(1, 11)), rules).score == score


@given(told=events, seed=st.integers(0, 100))
def test_the_order_of_events_does_not_matter(told: list[Event], seed: int) -> None:
    shuffled = random.Random(seed).sample(told, len(told))
    one, other = Tally.of(told, RULES), Tally.of(shuffled, RULES)
    assert one.run() == other.run()
    assert (one.outcomes, one.endings) == (other.outcomes, other.endings)
    assert np.array_equal(one.share(START + 170), other.share(START + 170))


@given(told=events)
def test_numbers_are_counts_of_events(told: list[Event]) -> None:
    tally = Tally.of(told, RULES)
    attempts = [event for event in told if isinstance(event, Attempt)]
    deliveries = [event for event in told if isinstance(event, Delivery)]
    assert tally.attempts == len(attempts) == sum(map(sum, tally.outcomes))
    assert tally.requests == len(deliveries) == sum(tally.endings.values())
    delivered = sum(event.ending is Ending.DELIVERED for event in deliveries)
    paid = sum(event.number > RULES.free_attempts for event in attempts)
    rewards = [event for event in told if isinstance(event, Rewarded)]
    more = sum((e.value - 1 if e.previous is None else e.value - e.previous) for e in rewards)
    assert tally.score == delivered + more - RULES.penalty * paid
    assert tally.retries == sum(e.number > 1 and not e.hedge for e in attempts)
    assert tally.hedges == sum(e.hedge for e in attempts)
    assert tally.codes.total() == sum(e.code is not None for e in deliveries)
    assert tally.run()["cost"] == pytest.approx(sum(e.cost or 0 for e in attempts))


def test_a_reward_counts_instead_of_the_delivery_and_may_be_corrected() -> None:
    tally = Tally.of(story(3), RULES)
    assert (tally.score, tally.run()["reward"]) == (3.0, None)
    tally.add(Rewarded(1, 1, START, 0.25))
    tally.add(Rewarded(2, 1, START, 0.75))
    assert (tally.score, tally.run()["reward"]) == (2.0, 0.5)
    tally.add(Rewarded(2, 1, START, 0.25, previous=0.75))
    assert (tally.score, tally.run()["reward"]) == (1.5, 0.25)


def test_language_models_are_counted_by_task_and_over_all() -> None:
    rated = [Rewarded(1, 0, START, 0.25, None, 1), Rewarded(1, 0, START, 0.75, 0.25, 1)]
    asked = [
        attempt(n, outcome=Outcome.SUCCEEDED, output=10.0, size=30.0, cost=0.5, task=task)
        for n, task in ((1, 1), (2, 0), (3, None))
    ]
    tally = Tally.of([*asked, *rated], RULES)
    whole = tally.models[0]
    assert whole is not None
    assert (whole.output.count, whole.cost, whole.reward) == (3, 1_500_000_000, 750_000_000)
    assert {key: each.output.count for key, each in tally.tasks.items()} == {(0, 0): 1, (0, 1): 1}
    assert (tally.tasks[0, 1].rewards, tally.tasks[0, 1].reward) == (1, 750_000_000)


def test_why_the_last_attempt_on_a_server_failed() -> None:
    tally = Tally.of(story(1), RULES)
    assert tally.failures == [None] * 3
    tally.add(attempt(2, reason="timeout", latency=1.0))
    tally.add(attempt(2, reason="refused", latency=0.5))  # earlier than what is known
    assert tally.failures == [("timeout", START + 3), None, None]


def test_servers_that_come_are_counted_beside_the_others() -> None:
    tally = Tally.of(story(2), RULES)
    tally.grow(5)
    tally.add(attempt(3, server=4, reason="refused", sent=START + 3))
    assert tally.outcomes[Outcome.FAILED] == [2, 0, 0, 0, 1]
    assert tally.share(START + 3).tolist() == pytest.approx([2 / 5, 2 / 5, 0, 0, 1 / 5])
    assert tally.failures[4] is not None


def test_shares_forget_what_is_not_recent() -> None:
    tally = Tally(RULES)
    assert tally.share(START).tolist() == [0, 0, 0]
    for server, late in ((0, 0.0), (1, 5.0), (1, 5.0), (2, 5.0)):
        tally.add(attempt(1, server=server, sent=START + late))
    assert tally.share(START + 5).tolist() == [0.25, 0.5, 0.25]
    assert tally.share(START + RECENT).tolist() == [0, 2 / 3, 1 / 3]
    assert tally.share(START + 5 + RECENT).tolist() == [0, 0, 0]


def test_its_size_does_not_grow_with_the_run() -> None:
    def size(tally: Tally) -> int:
        return len(tally.latency.counts) + sum(map(len, tally._recent))

    assert size(Tally.of(story(10), RULES)) == size(Tally.of(story(3000), RULES))


def test_a_bound_between_its_points_and_beyond() -> None:
    bound = interpolated([(0, 0.0), (10, 9.0), (20, 12.0)])
    assert [bound(n) for n in (0, 5, 10, 15, 20)] == [0.0, 4.5, 9.0, 10.5, 12.0]
    assert bound(21) is None
    assert Tally.of(story(21), RULES, bound).run()["regret"] is None
