"""Real time: one replication of the game, played over asyncio.

Nothing is awaited between a decision and the bookkeeping it needs, so the event loop is the only
lock.  Whatever happens to a request (a client that hangs up, a deadline, a shutdown), each of its
attempts ends exactly once: a server must not look busy for ever.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from math import isinf, isnan, nan
from typing import Any

import numpy as np

from flaky_load_balancer.core.balancer import ROW, Balancer
from flaky_load_balancer.core.events import Attempt as AttemptEvent
from flaky_load_balancer.core.events import Delivery, Ending, Event, Rewarded
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Floats,
    Ints,
    Outcome,
    Reward,
)
from flaky_load_balancer.proxy.attempt import Attempt, Phase
from flaky_load_balancer.proxy.carrier import Carrier
from flaky_load_balancer.proxy.counts import Count
from flaky_load_balancer.proxy.outcomes import Answer, Worth
from flaky_load_balancer.proxy.pool import SHORTAGE, Pool, Server, available
from flaky_load_balancer.proxy.request import Decision, OverloadedError, Policy, Request
from flaky_load_balancer.proxy.retry import attempts_left, may_go_on
from flaky_load_balancer.proxy.timers import Alarms, Within

NANOSECOND = 1e-9  # finer than asyncio's timers
REMEMBERED = 256  # decisions kept for people
CLIENT_GONE = 499  # what access logs call a request whose client hung up

Clock = Callable[[], float]
Awaited = Coroutine[Any, Any, Answer]
Running = dict["asyncio.Future[Answer]", Attempt]


class Dispatcher:
    """Delivers requests for one route; any number of them at once."""

    def __init__(
        self,
        balancer: Balancer,
        clock: Clock,
        record: Callable[[Event], None],
        policy: Policy | None = None,
        *,
        pool: Pool | None = None,
        names: Sequence[str] = (),
        arrivals: Count | None = None,
        flying: Count | None = None,
    ) -> None:
        self.decisions: deque[Decision] = deque(maxlen=REMEMBERED)
        self.policy = policy or Policy()
        self.pool = pool
        self.servers: Sequence[Server] = pool.servers if pool is not None else ()
        self.names = [server.name for server in self.servers] or list(names)
        self.indices = list(range(balancer.rules.arms))  # of each server in the run's list
        self.not_before = [0.0] * balancer.rules.arms  # until when each server sent us away
        self._balancer = balancer
        self._clock = clock
        self._record = record
        self._slots = balancer.slots
        self._free = list(reversed(range(self._slots)))
        self._arrivals, self._flying = arrivals or Count(), flying or Count()
        self._cursor = 0

    @property
    def coming(self) -> int:
        """The number of the next request."""
        return self._arrivals.coming

    @property
    def in_flight(self) -> int:
        """Requests, of all processes that serve it."""
        return self._flying.total

    def now(self) -> float:
        """Seconds on its clock."""
        return self._clock()

    def resize(self, keep: Ints, servers: Sequence[Server], indices: Sequence[int]) -> None:
        """Go on with other servers: ``keep`` (K',) is what each was before, -1 for a new one."""
        self._balancer.resize(keep)
        self.servers, self.indices = servers, list(indices)
        self.names = [server.name for server in servers]
        self.not_before = [self.not_before[arm] if arm >= 0 else 0.0 for arm in keep.tolist()]

    def grow(self, slots: int) -> None:
        """Make room for so many requests in flight."""
        if slots > self._slots:
            self._balancer.grow(slots)
            self._free[:0] = reversed(range(self._slots, slots))
            self._slots = slots

    def reward(
        self, request: int, index: int, value: float, features: Floats | None = None
    ) -> None:
        """An answer of a server of the run turned out to be worth so much, however long after."""
        now = self._clock()
        if self._balancer.rules.rewards and index in self.indices:
            number, arm = np.array([request]), np.array([self.indices.index(index)])
            known = np.array([now]), number, arm, np.array([value])
            self._balancer.reward(Reward(ROW, *known, np.array([nan]), features))
        task = self._balancer.rules.task(features)
        self._record(Rewarded(request, index, now, value, task=task))

    def forget(self, rng: np.random.Generator) -> None:
        """Let the strategy begin anew; what is in flight ends as usual."""
        strategy = self._balancer.strategy
        strategy.reset(self._balancer.rules, 1, rng)

    async def deliver(
        self,
        request_id: str,
        carrier: Carrier,
        *,
        size: float | None = None,
        features: Floats | None = None,
    ) -> Request:
        """Attempt a request until it is delivered, given up, or out of time.

        ``size`` in tokens or bytes and ``features`` (1, d) are for the strategy, where known.
        """
        if not self._free:
            raise OverloadedError
        request = self._admit(request_id, size, features)
        code = None
        try:
            request.ending = await self._play(request, carrier)
            await carrier.conclude(request)
            code = carrier.code
        except BaseException:
            code = carrier.code or CLIENT_GONE
            raise
        finally:
            self._leave(request, code)
        return request

    def _admit(self, request_id: str, size: float | None, features: Floats | None) -> Request:
        count = self._arrivals.next()
        self._flying.add(1)
        now, policy = self._clock(), self.policy
        deadline = now + policy.total
        request = Request(count, request_id, now, deadline, self._free.pop(), policy)
        request.features = features
        self._balancer.arrive_one(request.slot, deadline, request.count, size, features)
        if policy.budget is not None:
            policy.budget.arrive(now)
        if policy.hedging is not None:
            policy.hedging.budget.arrive(now)
        return request

    def _leave(self, request: Request, code: int | None) -> None:
        request.ended = self._clock()
        self._balancer.leave_one(request.slot)
        self._free.append(request.slot)
        self._flying.add(-1)
        self._record(
            Delivery(
                request.count,
                request.id,
                request.arrived,
                request.ended,
                request.ending,
                request.attempts,
                request.possibly_twice,
                code,
                request.cost,
                None if request.features is None else request.features[0].tolist(),
                request.answer_id,
                request.answered_by,
            )
        )

    async def _play(self, request: Request, carrier: Carrier) -> Ending:
        request.limit = Within(request.policy.totals)
        try:
            with request.limit:
                while (now := self._clock()) < request.deadline:
                    decision = self._decide(request, carrier, now)
                    if decision is None or decision.arm == GIVE_UP:
                        return Ending.GIVEN_UP
                    if decision.arm == HOLD:
                        assert decision.until is not None
                        await self._hold(decision.until)
                        continue
                    answer = await self._attempt(request, carrier, decision)
                    if answer.outcome is Outcome.SUCCEEDED:
                        return Ending.DELIVERED
                    if answer.ours or not may_go_on(answer, carrier):
                        request.short = answer.ours
                        return Ending.GIVEN_UP
        except TimeoutError:
            pass
        return Ending.DEADLINE

    async def _hold(self, until: float) -> None:
        """Wait, and not a timer's rounding less: whoever asked for a time gets it."""
        while (left := until - self._clock()) > NANOSECOND:
            await asyncio.sleep(left)

    # Deciding.

    def _decide(
        self, request: Request, carrier: Carrier, now: float, *, hedge: bool = False
    ) -> Decision | None:
        """Ask the strategy; None if there is nothing to ask."""
        left, policy = self._left(request, carrier, now, hedge=hedge), request.policy
        if left < 1:
            return None
        mask = None
        if self.pool is not None:
            serves = None if carrier.terms is None else carrier.terms.serves(self.servers)
            mask = available(self.pool, self.servers, serves, slow_start=policy.slow_start)
            if mask is not None and not mask.any():
                request.unavailable = not hedge
                return None
        budget = policy.budget if request.attempts else None
        if budget is not None and not budget.take(now):
            if not hedge:
                budget.deny()  # another process has taken the last token just now
            return None
        reserve = None if carrier.terms is None else carrier.terms.reserve(self.servers)
        action = self._balancer.decide_one(request.slot, now, left, available=mask, reserve=reserve)
        decision = self._remember(request, action, now)
        if carrier.terms is not None:
            decision.budget = carrier.terms.left
            decision.most = None if reserve is None else reserve[0]
        if decision.arm < 0 and budget is not None:
            budget.give_back(now)
        return decision

    def _left(self, request: Request, carrier: Carrier, now: float, *, hedge: bool) -> int:
        """How many attempts the policy leaves, the next one included."""
        policy, made = request.policy, request.attempts
        left = policy.max_attempts - made
        if policy.budget is None or left < 1:
            return left
        tokens = policy.budget.tokens(now)
        if made and not tokens and not hedge:
            policy.budget.deny()
        return min(left, attempts_left(made, tokens, repeatable=carrier.repeatable))

    def _remember(self, request: Request, action: Action, now: float) -> Decision:
        self._cursor += 1
        arm = int(action.arm[0])
        chance = None if action.probability is None else float(action.probability[0])
        decision = Decision(
            self._cursor,
            now,
            request.count,
            request.id,
            request.attempts + 1,
            arm,
            self.names[arm] if 0 <= arm < len(self.names) else None,
            float(action.until[0]) if arm == HOLD and action.until is not None else None,
            None if action.index is None else action.index[0],
            None if action.eligible is None else action.eligible[0],
            None if chance is None or isnan(chance) else chance,
            features=None if request.features is None else request.features[0],
            beside=_finite(action.beside),
            price=_finite(action.price),
        )
        self.decisions.append(decision)
        return decision

    # Attempting.

    async def _attempt(self, request: Request, carrier: Carrier, decision: Decision) -> Answer:
        """Send once, or with others beside it; report how that ended whatever happens meanwhile."""
        hedging = request.policy.hedging
        hedged = decision.beside is not None or (hedging is not None and hedging.after is not None)
        attempt = self._begin(request, decision)
        if hedged and carrier.repeatable and carrier.whole:
            return await self._race(request, carrier, attempt)
        answer = None
        try:
            answer = await self._sent(request, carrier, attempt)
            if answer.outcome is Outcome.SUCCEEDED:
                answer = await self._passed_on(request, carrier, attempt, answer)
        finally:
            self._end(request, attempt, answer or _cut_off(attempt))
        return answer

    def _sent(self, request: Request, carrier: Carrier, attempt: Attempt) -> Awaited:
        """The answer's head, or what kept it away, within the attempt's own time limit."""
        alarms = request.policy.attempt_timeouts
        if alarms is None or request.deadline - attempt.began <= alarms.seconds:
            return carrier.send(attempt)  # the deadline comes first
        return self._sent_within(alarms, carrier, attempt)

    async def _sent_within(self, alarms: Alarms, carrier: Carrier, attempt: Attempt) -> Answer:
        try:
            with Within(alarms):
                return await carrier.send(attempt)
        except TimeoutError:
            sent = attempt.phase > Phase.BEGUN
            return Answer(Outcome.FAILED, processed=sent, unclear=sent, reason="timeout")

    def _passed_on(
        self, request: Request, carrier: Carrier, attempt: Attempt, answer: Answer
    ) -> Awaited:
        """How passing a good answer on ends, which has no limit on the whole."""
        if request.limit is not None:
            request.limit.lift()
        return carrier.pass_on(attempt, answer)

    async def _race(self, request: Request, carrier: Carrier, attempt: Attempt) -> Answer:
        """Let others begin if the first has not answered in time; the first good answer wins.

        The strategy says of each attempt when the next one is to begin; else the policy's hedge
        begins beside the first.
        """
        first = asyncio.ensure_future(self._sent(request, carrier, attempt))
        running: Running = {first: attempt}
        answer, hedging = Answer(Outcome.CANCELLED), request.policy.hedging
        wanted = attempt.decision.beside
        after = hedging.after if wanted is None and hedging is not None else wanted
        due = None if after is None else attempt.began + after
        try:
            while running:
                left = None if due is None else max(due - self._clock(), 0.0)
                done, _ = await asyncio.wait(
                    running, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    due = None
                    other = self._beside(request, carrier, wanted=wanted is not None)
                    if other is not None:
                        running[asyncio.ensure_future(self._sent(request, carrier, other))] = other
                        wanted = other.decision.beside
                        due = None if wanted is None else other.began + wanted
                for task in [each for each in running if each in done]:  # the first sent first
                    answer = task.result()
                    attempt = running[task]
                    if answer.outcome is Outcome.SUCCEEDED:
                        del running[task]
                        await self._call_off(request, carrier, running)
                        return await self._won(request, carrier, attempt, answer)
                    del running[task]
                    self._end(request, attempt, answer)
            return answer
        finally:
            await self._call_off(request, carrier, running)

    async def _won(
        self, request: Request, carrier: Carrier, attempt: Attempt, answer: Answer
    ) -> Answer:
        ended = None
        try:
            ended = await self._passed_on(request, carrier, attempt, answer)
        finally:
            self._end(request, attempt, ended or _cut_off(attempt))
        return ended

    async def _call_off(
        self,
        request: Request,
        carrier: Carrier,
        running: Running,
    ) -> None:
        """End what is still under way, without an outcome that teaches anything."""
        for task in running:
            task.cancel()
        while running:
            task, attempt = running.popitem()
            with suppress(asyncio.CancelledError, Exception):
                await task
            carrier.drop(attempt)
            self._end(request, attempt, _cut_off(attempt))

    def _beside(self, request: Request, carrier: Carrier, *, wanted: bool) -> Attempt | None:
        """One more attempt, where the retry budget has a token for it.

        The policy's hedge, not ``wanted`` by the strategy, takes one of its own budget as well.
        """
        hedging, now = None if wanted else request.policy.hedging, self._clock()
        if hedging is not None and not hedging.budget.take(now):
            return None
        decision = self._decide(request, carrier, now, hedge=True)
        if decision is None or decision.arm < 0:
            if hedging is not None:
                hedging.budget.give_back(now)
            return None
        return self._begin(request, decision, hedge=True)

    def _begin(self, request: Request, decision: Decision, *, hedge: bool = False) -> Attempt:
        request.attempts += 1
        request.arm, request.server = decision.arm, decision.server
        arm = decision.arm
        attempt = Attempt(request.attempts, arm, self.indices[arm], decision.time, decision, hedge)
        if self.servers:
            attempt.server = self.servers[arm]
            attempt.server.flying.add(1)
        return attempt

    def _end(self, request: Request, attempt: Attempt, answer: Answer) -> None:
        """The one end of an attempt: books, strategy, events."""
        attempt.end(answer)
        now, outcome, decision = self._clock(), answer.outcome, attempt.decision
        decision.answer, decision.latency = answer, now - attempt.began
        request.any_failed |= outcome is Outcome.FAILED
        request.last_reason = answer.detail or answer.reason or request.last_reason
        request.possibly_twice |= request.unclear and outcome is Outcome.SUCCEEDED
        request.unclear |= answer.unclear
        if outcome is Outcome.SUCCEEDED:
            request.answered_by, request.answer_id = attempt.index, attempt.answer_id
        cost, size = attempt.cost, attempt.size
        if cost is not None:
            request.cost = (request.cost or 0.0) + cost
        self._balancer.complete_one(
            request.slot,
            int(outcome),
            now,
            answer.retry_after,
            number=attempt.number,
            cost=None if cost is None else np.array([cost]),
            size=None if size is None else np.array([size]),
        )
        if outcome is Outcome.SUCCEEDED and attempt.worth is not None:
            self._judge(request, attempt, attempt.worth)
        self._tell_server(attempt, answer, now)
        first_byte = None
        if attempt.first_byte is not None:
            first_byte = attempt.first_byte - attempt.began
            if request.policy.hedging is not None:
                request.policy.hedging.add(first_byte)
        self._record(
            AttemptEvent(
                request.count,
                attempt.number,
                attempt.index,
                outcome,
                attempt.began,
                decision.latency,
                answer.reason if outcome is Outcome.FAILED else None,
                attempt.status,
                attempt.hedge,
                decision.probability,
                cost,
                size,
                first_byte,
                attempt.output,
                attempt.estimated,
                self._balancer.rules.task(request.features),
            )
        )

    def _judge(self, request: Request, attempt: Attempt, worth: Worth) -> None:
        """Take in what a server says that its answer is worth, at once or when it is known."""
        if worth.quality is None:
            return
        known = request.count, attempt.index, worth.quality, request.features
        if worth.after:
            asyncio.get_running_loop().call_later(worth.after, self.reward, *known)
        else:
            self.reward(*known)

    def _tell_server(self, attempt: Attempt, answer: Answer, now: float) -> None:
        server = attempt.server
        if answer.retry_after > 0 and attempt.index in self.indices:  # not NaN
            self.not_before[self.indices.index(attempt.index)] = now + answer.retry_after
        if server is None:
            return
        server.flying.add(-1)
        if answer.ours:
            SHORTAGE.met(answer.detail)
        if answer.outcome is Outcome.FAILED:
            server.trouble.failed(answer.reason or "", answer.detail)
        elif answer.outcome is Outcome.SUCCEEDED:
            server.trouble.succeeded()


def _finite(beside: Floats | None) -> float | None:
    """Seconds until another attempt is wanted; None for never."""
    return None if beside is None or isinf(beside[0]) else float(beside[0])


def _cut_off(attempt: Attempt) -> Answer:
    """What came of an attempt of which nobody waited for the end."""
    return Answer(Outcome.CANCELLED, unclear=attempt.phase > Phase.BEGUN)
