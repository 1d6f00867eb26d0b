"""Properties of the rules that hold for any strategy and any order of events."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.core.balancer import Balancer, IllegalMoveError
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Outcome, Rules
from tests.scripted import Scripted

RULES = Rules(arms=3, free_attempts=2, max_attempts=5, penalty=0.5)
ROW = np.zeros(1, dtype=np.intp)
UNSAID = np.array([np.nan])


def balancer_of(arms: list[int], **options: float) -> tuple[Balancer, Scripted]:
    strategy = Scripted(arms, **options)
    balancer = Balancer(strategy, RULES, np.random.default_rng(0), slots=4)
    for slot in range(4):
        balancer.arrive(ROW, np.array([slot]), np.array([100.0]))
    return balancer, strategy


def at(value: float) -> np.ndarray:
    return np.array([value])


@given(
    arms=st.lists(st.integers(0, 2), min_size=40, max_size=40),
    outcomes=st.lists(st.sampled_from(list(Outcome)), min_size=40, max_size=40),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_every_attempt_is_reported_once_and_paid_for_once(
    arms: list[int], outcomes: list[Outcome], order: random.Random
) -> None:
    balancer, strategy = balancer_of(arms)
    fates = iter(outcomes)
    sent: list[int] = []
    in_flight: list[int] = []
    now = 0.0

    def decide(slot: int) -> None:
        arm = int(balancer.decide(ROW, np.array([slot]), at(now)).arm[0])
        if arm >= 0:
            sent.append(arm)
            in_flight.append(slot)

    for slot in range(4):
        decide(slot)
    while in_flight:
        now += 1.0
        slot = in_flight.pop(order.randrange(len(in_flight)))
        fate = next(fates)
        balancer.complete(ROW, np.array([slot]), np.array([fate]), at(now), UNSAID)
        if fate != Outcome.SUCCEEDED:
            decide(slot)

    attempts = balancer.attempts[0]
    assert sorted(arm for _, arm, _ in strategy.told) == sorted(sent)
    assert attempts.max() <= RULES.max_attempts
    paid = np.maximum(attempts - RULES.free_attempts, 0).sum()
    assert balancer.paid_attempts[0] == paid
    assert balancer.score[0] == balancer.delivered[0] - RULES.penalty * paid


def test_a_strategy_sees_what_this_request_has_tried_and_how_often() -> None:
    balancer, strategy = balancer_of([2, 0])
    balancer.decide(ROW, at(0).astype(int), at(1.0))
    balancer.complete(ROW, at(0).astype(int), np.array([Outcome.FAILED]), at(1.5), UNSAID)
    balancer.decide(ROW, at(0).astype(int), at(2.0))
    first, second = strategy.asked
    assert (first.attempt[0], second.attempt[0]) == (1, 2)
    assert first.tried[0].tolist() == [False, False, False]
    assert second.tried[0].tolist() == [False, False, True]
    assert second.deadline[0] == 100.0
    assert strategy.latency == [0.5]


def test_no_strategy_is_asked_beyond_the_last_attempt() -> None:
    balancer, strategy = balancer_of([0] * 6)
    for _ in range(RULES.max_attempts):
        assert balancer.decide(ROW, ROW, at(0.0)).arm[0] == 0
        balancer.complete(ROW, ROW, np.array([Outcome.FAILED]), at(0.0), UNSAID)
    assert balancer.decide(ROW, ROW, at(0.0)).arm[0] == GIVE_UP
    assert len(strategy.asked) == RULES.max_attempts


def test_a_slot_forgets_the_request_before() -> None:
    balancer, strategy = balancer_of([1, 1])
    balancer.decide(ROW, ROW, at(0.0))
    balancer.arrive(ROW, ROW, at(50.0))
    balancer.decide(ROW, ROW, at(1.0))
    assert strategy.asked[1].attempt[0] == 1
    assert not strategy.asked[1].tried.any()


def test_a_hold_costs_nothing() -> None:
    balancer, _ = balancer_of([HOLD, 0])
    action = balancer.decide(ROW, ROW, at(0.0))
    assert action.arm[0] == HOLD
    assert action.until is not None
    assert action.until[0] == 1.0
    assert balancer.attempts[0, 0] == 0


def test_a_hold_that_would_outlive_the_request_gives_it_up() -> None:
    balancer, _ = balancer_of([HOLD], hold=200.0)
    assert balancer.decide(ROW, ROW, at(0.0)).arm[0] == GIVE_UP


def test_who_leaves_while_held_has_its_promise_withdrawn() -> None:
    balancer, strategy = balancer_of([HOLD, HOLD, 0, 1])
    for slot in (0, 1, 1, 2):
        balancer.decide(ROW, np.array([slot]), at(float(slot + len(strategy.asked))))
    for slot in (0, 1, 2, 0):
        balancer.leave(ROW, np.array([slot]))
    assert strategy.withdrawn == [(0, 1)]  # slot 1 was sent after all, slot 2 at once


def test_a_hold_that_becomes_giving_up_is_withdrawn() -> None:
    balancer, strategy = balancer_of([HOLD], hold=200.0)
    balancer.decide(ROW, ROW, at(0.0))
    assert strategy.withdrawn == [(0, 1)]
    balancer.leave(ROW, ROW)
    assert strategy.withdrawn == [(0, 1)]


def test_a_held_request_without_attempts_left_is_given_up_and_withdrawn() -> None:
    balancer, strategy = balancer_of([HOLD])
    balancer.decide(ROW, ROW, at(0.0))
    assert balancer.decide(ROW, ROW, at(1.0), left=np.array([0])).arm[0] == GIVE_UP
    assert strategy.withdrawn == [(0, 1)]


def test_what_drivers_know_is_passed_on() -> None:
    strategy = Scripted([0, 2])
    balancer = Balancer(strategy, RULES, np.random.default_rng(0), slots=4)
    features, size = np.array([[0.5, 2.0]]), at(300.0)
    numbered = np.array([77])
    balancer.arrive(ROW, ROW, at(9.0), request=numbered, size=size, features=features)
    available = np.array([[True, False, True]])
    for left in (3, 50):
        balancer.decide(ROW, ROW, at(0.0), left=np.array([left]), available=available)
    balancer.complete(
        *(ROW, ROW, np.array([Outcome.FAILED]), at(1.0), UNSAID),
        **{"number": np.array([1]), "cost": at(0.25), "size": at(280.0)},
    )
    balancer.complete(ROW, ROW, np.array([Outcome.SUCCEEDED]), at(2.0), UNSAID)
    first, second = strategy.asked
    assert (first.request[0], second.request[0]) == (77, 77)
    assert (first.left[0], second.left[0]) == (3, RULES.max_attempts - 1)
    assert first.available.tolist() == available.tolist()
    assert first.size[0] == 300.0
    assert first.features is not None
    assert first.features.tolist() == features.tolist()
    early, late = strategy.feedback
    assert (early.request[0], early.attempt[0], late.attempt[0]) == (77, 1, 2)
    assert (early.cost[0], late.cost[0]) == (0.25, 0.0)
    assert (early.size[0], late.size[0]) == (280.0, 300.0)
    assert early.features is not None
    assert early.features.tolist() == features.tolist()


def test_a_server_that_is_not_available_is_no_legal_move() -> None:
    balancer, _ = balancer_of([1])
    with pytest.raises(IllegalMoveError, match="not available"):
        balancer.decide(ROW, ROW, at(0.0), available=np.array([[True, False, True]]))


@given(
    outcomes=st.lists(st.sampled_from(list(Outcome)), min_size=12, max_size=12),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_several_attempts_of_a_request_end_once_each_in_any_order(
    outcomes: list[Outcome], order: random.Random
) -> None:
    """Requests are hedged: begun and ended attempts of three of them are all mixed up."""
    strategy = Scripted(order.randrange(3) for _ in range(100))
    balancer = Balancer(strategy, RULES, np.random.default_rng(0), slots=3)
    for slot in range(3):
        balancer.arrive(ROW, np.array([slot]), at(100.0))
    under_way: list[tuple[int, int, int, float]] = []
    ended = []
    now = 0.0
    to_begin = [slot for slot in range(3) for _ in range(4)]
    order.shuffle(to_begin)
    while to_begin or under_way:
        now += 1.0
        if to_begin and (not under_way or order.random() < 0.6):
            slot = to_begin.pop()
            arm = int(balancer.decide(ROW, np.array([slot]), at(now)).arm[0])
            under_way.append((slot, int(balancer.attempts[0, slot]), arm, now))
        else:
            slot, number, arm, sent = under_way.pop(order.randrange(len(under_way)))
            fate = outcomes.pop()
            told = np.array([slot]), np.array([fate]), at(now), UNSAID
            balancer.complete(ROW, *told, number=np.array([number]))
            ended.append((slot + 1, number, arm, fate, now - sent))
            with pytest.raises(ValueError, match="not under way"):
                balancer.complete(ROW, *told, number=np.array([number]))
    heard = [
        (f.request[0], f.attempt[0], f.arm[0], f.outcome[0], f.latency[0])
        for f in strategy.feedback
    ]
    assert heard == ended
    assert sorted((slot, number) for slot, number, *_ in ended) == [
        (slot, number) for slot in (1, 2, 3) for number in (1, 2, 3, 4)
    ]
    assert balancer.delivered[0] == sum(fate is Outcome.SUCCEEDED for *_, fate, _ in ended)


@pytest.mark.parametrize("number", [-1, 0, 1, 2, 9])
def test_an_attempt_that_was_never_sent_cannot_end(number: int) -> None:
    balancer, strategy = balancer_of([])
    fate, numbered = np.array([Outcome.FAILED]), np.array([number])
    with pytest.raises(ValueError, match="not under way"):
        balancer.complete(ROW, ROW, fate, at(1.0), UNSAID, number=numbered)
    rows, two = np.zeros(2, dtype=np.intp), np.arange(2)
    with pytest.raises(ValueError, match="not all under way"):
        balancer.complete(
            *(rows, two, fate.repeat(2), at(1.0).repeat(2), UNSAID.repeat(2)),
            number=numbered.repeat(2),
        )
    assert not strategy.feedback


def test_attempts_outlive_a_change_of_servers() -> None:
    balancer, strategy = balancer_of([0, 2, 1])
    for slot in (0, 1):
        balancer.decide(ROW, np.array([slot]), at(0.0))
    balancer.resize(np.array([-1, 2]))
    for slot in (0, 1):
        done = np.array([Outcome.SUCCEEDED])
        balancer.complete(ROW, np.array([slot]), done, at(1.0), UNSAID)
    assert strategy.told == [(1.0, 1, Outcome.SUCCEEDED)]  # of server 2, which is 1 now
    assert balancer.delivered[0] == 2
    balancer.decide(ROW, np.array([1]), at(2.0))
    assert strategy.asked[-1].tried.tolist() == [[False, True]]
    assert strategy.asked[-1].available.tolist() == [[True, True]]


@pytest.mark.parametrize(
    ("arm", "hold", "words"),
    [(3, 1.0, "a server of 0 to 2"), (-3, 1.0, "HOLD or GIVE_UP"), (HOLD, 0.0, "in the future")],
)
def test_an_illegal_move_is_refused(arm: int, hold: float, words: str) -> None:
    balancer, _ = balancer_of([arm], hold=hold)
    with pytest.raises(IllegalMoveError, match=words):
        balancer.decide(ROW, ROW, at(0.0))


def test_a_batch_of_some_that_may_and_some_that_may_not_go_on() -> None:
    strategy = Scripted([1] * 6)
    balancer = Balancer(strategy, RULES, np.random.default_rng(0), replications=2, slots=1)
    rows, slots = np.arange(2), np.zeros(2, dtype=np.intp)
    balancer.arrive(rows, slots, np.full(2, 9.0))
    for _ in range(RULES.max_attempts):
        balancer.decide(ROW, ROW, at(0.0))
    action = balancer.decide(rows, slots, np.zeros(2))
    assert action.arm.tolist() == [GIVE_UP, 1]
    assert balancer.attempts[:, 0].tolist() == [5, 1]


@given(st.floats(1e-9, 99.0), st.floats(0.0, 0.9))
def test_a_hold_ends_on_a_whole_microsecond_and_never_early(until: float, now: float) -> None:
    balancer, _ = balancer_of([HOLD], hold=until)
    asked = balancer.decide(ROW, ROW, at(now)).until
    assert asked is not None
    assert now + until <= asked[0] <= now + until + 2.1e-6
    assert asked[0] * 1e6 == pytest.approx(round(asked[0] * 1e6), abs=1e-6)


@given(
    arms=st.lists(
        st.lists(st.sampled_from([HOLD, GIVE_UP, 0, 1, 2]), min_size=3, max_size=3),
        min_size=8,
        max_size=8,
    ),
    outcomes=st.lists(st.sampled_from(list(Outcome)), min_size=8, max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_a_request_alone_is_kept_like_one_of_a_batch(
    arms: list[list[int]], outcomes: list[Outcome]
) -> None:
    """Live there is one request at a time and in virtual time many: the rules are the same."""
    rows, slots = np.arange(3), np.zeros(3, dtype=np.intp)
    together = Scripted([arm for each in arms for arm in each])
    batch = Balancer(together, RULES, np.random.default_rng(0), replications=3, slots=1)
    strategies = [Scripted([each[row] for each in arms]) for row in range(3)]
    alone = [Balancer(one, RULES, np.random.default_rng(0), slots=1) for one in strategies]
    batch.arrive(rows, slots, np.full(3, 5.0))
    for one in alone:
        one.arrive(ROW, ROW, at(5.0))
    for now, outcome in enumerate(outcomes):
        if batch.attempts.max() >= RULES.max_attempts:
            break  # from here on a batch asks for some only, and the scripts would part
        moved = batch.decide(rows, slots, np.full(3, float(now))).arm
        assert moved.tolist() == [one.decide(ROW, ROW, at(now)).arm[0] for one in alone]
        sent = rows[moved >= 0]
        fate, ended = np.full(len(sent), outcome), np.full(len(sent), now + 0.5)
        batch.complete(sent, slots[: len(sent)], fate, ended, np.full(len(sent), np.nan))
        for row in sent:
            alone[row].complete(ROW, ROW, np.array([outcome]), at(now + 0.5), UNSAID)
    assert batch.attempts[:, 0].tolist() == [one.attempts[0, 0] for one in alone]
    assert batch.paid_attempts.tolist() == [one.paid_attempts[0] for one in alone]
    assert batch.score.tolist() == [one.score[0] for one in alone]
    for row, strategy in enumerate(strategies):
        seen = [asked.tried[row].tolist() for asked in together.asked]
        assert seen == [asked.tried[0].tolist() for asked in strategy.asked]
