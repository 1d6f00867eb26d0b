"""What only the live driver has to get right: time, cancellation, holds, and slots."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import numpy as np
import pytest

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.events import Attempt, Delivery, Ending, Event
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Action, Context, Outcome, Rules
from flaky_load_balancer.proxy.attempt import Attempt as AttemptOfOne
from flaky_load_balancer.proxy.carrier import Whole
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.request import OverloadedError, Policy, Request
from flaky_load_balancer.proxy.retry import RetryBudget
from tests.clock import run_in_virtual_time
from tests.scripted import Scripted

ID = "a" * 24
Answers = Callable[[int, str], Awaitable[Answer]]


class Stage:
    """A dispatcher on a virtual clock, in front of servers that are a function."""

    def __init__(self, arms: Iterable[int], answer: Answers, **options: Any) -> None:
        self.events: list[Event] = []
        self.strategy = Scripted(arms)
        slots = options.pop("slots", 4)
        rules = Rules(arms=3)
        balancer = Balancer(self.strategy, rules, np.random.default_rng(0), slots=slots)
        clock = asyncio.get_running_loop().time
        deadline, timeout = options.get("deadline", 10.0), options.get("attempt_timeout", 2.0)
        policy = Policy(deadline, timeout)
        self.dispatcher = Dispatcher(balancer, clock, self.events.append, policy)
        self._answer = answer

    async def deliver(self, request_id: str = ID) -> Request:
        async def send(attempt: AttemptOfOne, request_id: str) -> Answer:
            return await self._answer(attempt.arm, request_id)

        return await self.dispatcher.deliver(request_id, Whole(send, request_id))

    @property
    def attempts(self) -> list[Attempt]:
        return [event for event in self.events if isinstance(event, Attempt)]

    @property
    def deliveries(self) -> list[Delivery]:
        return [event for event in self.events if isinstance(event, Delivery)]


def answering(*outcomes: Outcome, after: float = 0.1) -> Answers:
    fates = iter(outcomes)

    async def send(arm: int, request_id: str) -> Answer:
        await asyncio.sleep(after)
        return Answer(next(fates))

    return send


async def never(arm: int, request_id: str) -> Answer:
    await asyncio.sleep(1e6)
    raise AssertionError


def virtually(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_in_virtual_time(play())


def test_it_attempts_until_one_succeeds() -> None:
    async def play() -> None:
        stage = Stage([0, 1, 2], answering(Outcome.FAILED, Outcome.RATE_LIMITED, Outcome.SUCCEEDED))
        request = await stage.deliver()
        assert (request.ending, request.attempts, request.arm) == (Ending.DELIVERED, 3, 2)
        assert request.any_failed
        assert [(a.number, a.server, a.outcome) for a in stage.attempts] == [
            (1, 0, Outcome.FAILED),
            (2, 1, Outcome.RATE_LIMITED),
            (3, 2, Outcome.SUCCEEDED),
        ]
        assert [round(a.sent, 3) for a in stage.attempts] == [0.0, 0.1, 0.2]
        (delivery,) = stage.deliveries
        assert (delivery.id, delivery.attempts) == (ID, 3)
        assert delivery.ended == pytest.approx(0.3)
        assert stage.dispatcher.in_flight == 0

    virtually(play)


def test_a_held_request_is_asked_about_again() -> None:
    async def play() -> None:
        stage = Stage([HOLD, HOLD, 1], answering(Outcome.SUCCEEDED))
        await stage.deliver()
        assert stage.attempts[0].sent == pytest.approx(2.0)
        moves = [(d.arm, d.until, d.number) for d in stage.dispatcher.decisions]
        assert moves == [(HOLD, 1.0, 1), (HOLD, 2.0, 1), (1, None, 1)]

    virtually(play)


def test_giving_up_without_any_attempt() -> None:
    async def play() -> None:
        stage = Stage([GIVE_UP], never)
        request = await stage.deliver()
        assert (request.ending, request.attempts, request.any_failed) == (
            Ending.GIVEN_UP,
            0,
            False,
        )

    virtually(play)


def test_an_attempt_that_takes_too_long_has_failed() -> None:
    async def play() -> None:
        stage = Stage([0, GIVE_UP], never, attempt_timeout=2.0)
        request = await stage.deliver()
        assert request.ending is Ending.GIVEN_UP
        assert [(a.outcome, round(a.latency, 3)) for a in stage.attempts] == [(Outcome.FAILED, 2.0)]

    virtually(play)


def test_the_deadline_cancels_an_attempt_and_teaches_nothing() -> None:
    async def play() -> None:
        stage = Stage([0, 0, 0], never, attempt_timeout=2.0, deadline=5.0)
        request = await stage.deliver()
        assert request.ending is Ending.DEADLINE
        assert [a.outcome for a in stage.attempts] == [
            Outcome.FAILED,
            Outcome.FAILED,
            Outcome.CANCELLED,
        ]
        assert request.ended == pytest.approx(5.0)

    virtually(play)


def test_a_client_that_hangs_up_is_one_cancelled_attempt_and_a_free_slot() -> None:
    async def play() -> None:
        stage = Stage([0], never, slots=1)
        task = asyncio.create_task(stage.deliver())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert stage.strategy.told == [(1.0, 0, Outcome.CANCELLED)]
        assert [d.ending for d in stage.deliveries] == [Ending.ABANDONED]
        assert stage.dispatcher.in_flight == 0

    virtually(play)


def test_a_client_that_hangs_up_during_a_hold_has_cost_no_attempt() -> None:
    async def play() -> None:
        stage = Stage([HOLD], never)
        task = asyncio.create_task(stage.deliver())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert stage.attempts == []
        assert [d.ending for d in stage.deliveries] == [Ending.ABANDONED]

    virtually(play)


def test_a_delivery_after_an_attempt_that_may_have_been_served_is_possibly_twice() -> None:
    async def play() -> None:
        answers = iter([Answer(Outcome.FAILED, unclear=True), Answer(Outcome.SUCCEEDED)])

        async def send(arm: int, request_id: str) -> Answer:
            return next(answers)

        stage = Stage([0, 1], send)
        assert (await stage.deliver()).possibly_twice
        assert stage.deliveries[0].possibly_twice

    virtually(play)


def test_what_the_server_asks_for_reaches_the_strategy() -> None:
    async def play() -> None:
        async def send(arm: int, request_id: str) -> Answer:
            return Answer(Outcome.RATE_LIMITED, retry_after=7.0)

        stage = Stage([0, GIVE_UP], send)
        await stage.deliver()
        assert stage.strategy.retry_after == [7.0]

    virtually(play)


def test_a_fault_in_sending_is_still_reported() -> None:
    async def play() -> None:
        async def send(arm: int, request_id: str) -> Answer:
            raise ZeroDivisionError

        stage = Stage([0], send)
        with pytest.raises(ZeroDivisionError):
            await stage.deliver()
        assert [outcome for *_, outcome in stage.strategy.told] == [Outcome.CANCELLED]
        assert stage.dispatcher.in_flight == 0

    virtually(play)


def test_two_hundred_in_flight_each_keep_their_own_books() -> None:
    async def play() -> None:
        async def send(arm: int, request_id: str) -> Answer:
            number = int(request_id)
            await asyncio.sleep(1.0 + (number * 7919 % 200) / 1000)  # ends in another order
            return Answer(Outcome.SUCCEEDED if number % 2 else Outcome.FAILED)

        stage = Stage([0] * 200 + [GIVE_UP] * 100, send, slots=200)
        ids = [f"{number:024}" for number in range(200)]
        requests = await asyncio.gather(*(stage.deliver(i) for i in ids))
        assert [r.ending is Ending.DELIVERED for r in requests] == [n % 2 == 1 for n in range(200)]
        assert sorted(a.request for a in stage.attempts) == list(range(1, 201))
        assert sorted(d.id for d in stage.deliveries) == ids
        assert all(1.0 <= a.latency < 1.21 for a in stage.attempts)
        assert len({round(a.latency, 4) for a in stage.attempts}) == 200

    virtually(play)


def test_no_room_is_said_and_not_waited_for() -> None:
    async def play() -> None:
        stage = Stage([0], never, slots=1)
        task = asyncio.create_task(stage.deliver())
        await asyncio.sleep(0.1)
        with pytest.raises(OverloadedError):
            await stage.deliver()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    virtually(play)


def test_decisions_remember_why_and_what_came_of_it() -> None:
    async def play() -> None:
        stage = Stage([2, 1], answering(Outcome.FAILED, Outcome.SUCCEEDED))
        await stage.deliver()
        first, second = stage.dispatcher.decisions
        assert (first.cursor, first.number, first.arm) == (1, 1, 2)
        assert first.answer is not None
        assert first.answer.outcome is Outcome.FAILED
        assert first.latency == pytest.approx(0.1)
        assert second.eligible is not None
        assert second.eligible.tolist() == [True, True, False]

    virtually(play)


class Beside(Scripted):
    """Wants another attempt beside each but the last, at once or later."""

    def __init__(self, arms: Iterable[int], *beside: float) -> None:
        super().__init__(arms)
        self.beside = iter(beside)

    def select(self, context: Context) -> Action:
        action = super().select(context)
        action.beside = np.array([next(self.beside)])
        return action


def beside(stage: Stage, *seconds: float) -> Beside:
    strategy = Beside(stage.strategy.arms, *seconds)
    stage.dispatcher._balancer.strategy = strategy
    return strategy


def test_of_attempts_beside_each_other_the_first_success_wins_and_the_rest_is_called_off() -> None:
    async def send(arm: int, request_id: str) -> Answer:
        await asyncio.sleep((0.5, 0.1, 0.3)[arm])
        return Answer((Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED)[arm])

    async def play() -> None:
        stage = Stage([0, 1, 2], send)
        strategy = beside(stage, 0.0, 0.05, np.inf)
        request = await stage.deliver()
        assert request.ending is Ending.DELIVERED
        assert request.ended == pytest.approx(0.35)
        assert [(a.server, round(a.sent, 3), a.outcome, a.hedge) for a in stage.attempts] == [
            (1, 0.0, Outcome.FAILED, True),
            (0, 0.0, Outcome.CANCELLED, False),
            (2, 0.05, Outcome.SUCCEEDED, True),
        ]
        assert [outcome for _, _, outcome in strategy.told] == [
            *(Outcome.FAILED, Outcome.CANCELLED, Outcome.SUCCEEDED)
        ]

    virtually(play)


def test_attempts_beside_others_take_tokens_of_the_retry_budget() -> None:
    async def play() -> None:
        stage = Stage([0, 1, 2], answering(*[Outcome.SUCCEEDED] * 3, after=1.0))
        beside(stage, 0.0, 0.0, np.inf)
        budget = stage.dispatcher.policy.budget = RetryBudget(100, 0.0)
        await stage.deliver()
        assert [a.server for a in stage.attempts] == [1, 0]  # a request brings one token
        assert budget.exhausted == 0

    virtually(play)
