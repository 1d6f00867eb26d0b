"""Real time: one replication of the game, played over asyncio.

Nothing is awaited between a decision and the bookkeeping it needs, so the event loop is the only
lock.  Whatever happens to a request (a client that hangs up, a deadline, a shutdown), each of its
attempts is completed exactly once: a server must not look busy for ever.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import nan

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.events import Attempt, Delivery, Ending, Event
from flaky_load_balancer.core.types import HOLD, Action, Bools, Floats, Ints, Outcome
from flaky_load_balancer.proxy.timers import Alarms, Within

ROW = np.zeros(1, dtype=np.intp)  # live, there is only replication 0
NANOSECOND = 1e-9  # finer than asyncio's timers
REMEMBERED = 256  # decisions kept for people


@dataclass(slots=True)
class Answer:
    """What came of sending one attempt."""

    outcome: Outcome
    retry_after: float = nan  # seconds the server asked us to wait
    unclear: bool = False  # it may have been served although we never heard


Send = Callable[[int, str], Awaitable[Answer]]
Clock = Callable[[], float]


class OverloadedError(Exception):
    """As many requests are in flight as there is room for."""


@dataclass(slots=True)
class Decision:
    """One answer of the strategy, with what it was based on and what came of it."""

    cursor: int  # counts up by one, for ever
    time: float
    request: int
    id: str
    number: int  # of the attempt that was decided about
    arm: int  # a server, HOLD or GIVE_UP
    until: float | None
    index: Floats | None  # (K,)
    eligible: Bools | None  # (K,)
    answer: Answer | None = None
    latency: float | None = None


@dataclass(slots=True)
class Request:
    """A request in flight, and in the end what became of it."""

    count: int
    id: str
    arrived: float
    deadline: float
    slot: Ints  # (1,)
    attempts: int = 0
    server: int | None = None  # the last one attempted: if delivered, by it
    any_failed: bool = False
    unclear: bool = False  # an attempt was cut off, and may have been served all the same
    possibly_twice: bool = False
    ending: Ending = Ending.ABANDONED
    ended: float = nan


class Dispatcher:
    """Delivers requests for one route; any number of them at once."""

    def __init__(
        self,
        balancer: Balancer,
        send: Send,
        clock: Clock,
        record: Callable[[Event], None],
        *,
        deadline: float = 10.0,
        attempt_timeout: float = 2.0,
    ) -> None:
        self.decisions: deque[Decision] = deque(maxlen=REMEMBERED)
        self.not_before = [0.0] * balancer.rules.arms  # until when each server sent us away
        self._balancer = balancer
        self._send = send
        self._clock = clock
        self._record = record
        self._deadline = deadline
        self._timeouts = Alarms(attempt_timeout)
        self._slots = balancer.slots
        self._free = list(reversed(range(self._slots)))
        self._requests = 0
        self._cursor = 0

    @property
    def in_flight(self) -> int:
        return self._slots - len(self._free)

    async def deliver(self, request_id: str) -> Request:
        """Attempt a request until it is delivered, given up, or out of time."""
        if not self._free:
            raise OverloadedError
        request = self._admit(request_id)
        try:
            request.ending = await self._play(request)
        finally:
            request.ended = self._clock()
            self._balancer.leave(ROW, request.slot)
            self._free.append(int(request.slot[0]))
            self._record(
                Delivery(
                    request.count,
                    request.id,
                    request.arrived,
                    request.ended,
                    request.ending,
                    request.attempts,
                    request.possibly_twice,
                )
            )
        return request

    def _admit(self, request_id: str) -> Request:
        self._requests += 1
        now = self._clock()
        deadline = now + self._deadline
        slot = np.array([self._free.pop()])
        request = Request(self._requests, request_id, now, deadline, slot)
        count = np.array([request.count])
        self._balancer.arrive(ROW, request.slot, np.array([deadline]), request=count)
        return request

    async def _play(self, request: Request) -> Ending:
        while True:
            now = self._clock()
            if now >= request.deadline:
                return Ending.DEADLINE
            action = self._balancer.decide(ROW, request.slot, np.array([now]))
            decision = self._remember(request, action, now)
            if decision.arm >= 0:
                outcome = await self._attempt(request, decision)
                if outcome is Outcome.SUCCEEDED:
                    return Ending.DELIVERED
                if outcome is Outcome.CANCELLED:
                    return Ending.DEADLINE
            elif decision.until is not None:
                await self._hold(decision.until)
            else:
                return Ending.GIVEN_UP

    async def _hold(self, until: float) -> None:
        """Wait, and not a timer's rounding less: whoever asked for a time gets it."""
        while (left := until - self._clock()) > NANOSECOND:
            await asyncio.sleep(left)

    async def _attempt(self, request: Request, decision: Decision) -> Outcome:
        """Send once, and report how that ended whatever happens meanwhile."""
        request.attempts += 1
        request.server = decision.arm
        left = request.deadline - decision.time
        answer = Answer(Outcome.CANCELLED, unclear=True)
        try:
            with Within(self._timeouts if left > self._timeouts.seconds else Alarms(left)):
                answer = await self._send(decision.arm, request.id)
        except TimeoutError:
            if left > self._timeouts.seconds:
                answer = Answer(Outcome.FAILED, unclear=True)
        finally:
            self._complete(request, decision, answer)
        return answer.outcome

    def _complete(self, request: Request, decision: Decision, answer: Answer) -> None:
        now, outcome = self._clock(), answer.outcome
        decision.answer, decision.latency = answer, now - decision.time
        request.any_failed |= outcome is Outcome.FAILED
        request.possibly_twice |= request.unclear and outcome is Outcome.SUCCEEDED
        request.unclear |= answer.unclear
        if answer.retry_after > 0:  # not NaN
            self.not_before[decision.arm] = now + answer.retry_after
        self._balancer.complete(
            ROW, request.slot, np.array([outcome]), np.array([now]), np.array([answer.retry_after])
        )
        self._record(
            Attempt(
                request.count,
                request.attempts,
                decision.arm,
                outcome,
                decision.time,
                decision.latency,
            )
        )

    def _remember(self, request: Request, action: Action, now: float) -> Decision:
        self._cursor += 1
        arm = int(action.arm[0])
        decision = Decision(
            self._cursor,
            now,
            request.count,
            request.id,
            request.attempts + 1,
            arm,
            float(action.until[0]) if arm == HOLD and action.until is not None else None,
            None if action.index is None else action.index[0],
            None if action.eligible is None else action.eligible[0],
        )
        self.decisions.append(decision)
        return decision
