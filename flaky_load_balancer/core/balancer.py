"""The rules of the game, without I/O: what happens to a request between two events.

One object, two drivers: the asyncio dispatcher (one replication, real time) and the simulator
(R replications, virtual time).  It never sleeps, sends, or reads a clock.  A request in flight
occupies a *slot* of its replication, from ``arrive`` until ``leave``.  Any number of its attempts
may be under way at once; they are told apart by their numbers, and each ends exactly once.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flaky_load_balancer.core.books import GONE, Books
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    PLENTY,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Outcome,
    Preference,
    Reward,
    Rules,
    Sent,
)

LONGEST_WAIT = 60.0  # seconds: a server may not send us away for longer than this
TICKS = 1e6  # per second: holds end on whole ones, so that equal times are equal to the last digit
ROW = np.zeros(1, dtype=np.intp)  # live, there is only replication 0
_NO_COST = np.zeros(1)  # of one attempt; shared, so nobody may change it
_NO_COST.flags.writeable = False
_SUCCEEDED = int(Outcome.SUCCEEDED)  # comparing an array with an enum's member takes 3 us


class IllegalMoveError(Exception):
    """A strategy answered what the rules do not allow: a fault of the strategy, not of a server."""


class Balancer:
    """Keeps the books of every attempt under way and asks the strategy what to do next."""

    def __init__(
        self,
        strategy: Strategy,
        rules: Rules,
        rng: np.random.Generator,
        *,
        replications: int = 1,
        slots: int = 64,
        names: Sequence[str] = (),
    ) -> None:
        """``names`` are those of the servers, for a strategy that knows some beforehand."""
        strategy.reset(rules, replications, rng)
        if (warm := getattr(strategy, "warm", None)) is not None:
            warm.teach(strategy, rules, replications, names)
        self.strategy = strategy
        self.rules = rules
        self.slots = slots
        self._books = Books(replications, rules.arms, slots)
        self._everybody = _everybody(replications, rules.arms)
        self.arrived = np.zeros(replications, dtype=np.int64)
        self.delivered = np.zeros(replications, dtype=np.intp)
        self.paid_attempts = np.zeros(replications, dtype=np.intp)

    @property
    def score(self) -> Floats:
        """(R,) delivered requests, less the penalty for every attempt that was not free."""
        return self.delivered - self.rules.penalty * self.paid_attempts

    @property
    def attempts(self) -> Ints:
        """(R, slots) how many attempts each request in flight has had."""
        return self._books.attempts.reshape(-1, self.slots)

    def arrive(
        self,
        rows: Ints,
        slots: Ints,
        deadline: Floats,
        *,
        request: Ints | None = None,
        size: Floats | None = None,
        features: Floats | None = None,
    ) -> None:
        """A new request takes a slot in each of n replications; ``deadline`` (n,) in seconds.

        ``request`` (n,) is its number, that of no other of its row; counted if it is not given.
        ``size`` (n,) is in tokens or bytes; ``features`` have shape (n, d).
        """
        if request is None:
            self.arrived[rows] += 1
            request = self.arrived[rows]
        self._books.arrive(rows * self.slots + slots, deadline, request, size, features)

    def arrive_one(
        self,
        slot: int,
        deadline: float,
        request: int,
        size: float | None = None,
        features: Floats | None = None,
    ) -> None:
        """As ``arrive`` for a single request of replication 0; ``features`` (1, d).

        Live, numbers are quicker than arrays.  The other methods for a single request are what
        the methods for batches do with a batch of one.
        """
        self._books.arrive(slot, deadline, request, size, features)

    def decide(
        self,
        rows: Ints,
        slots: Ints,
        now: Floats,
        *,
        left: Ints | None = None,
        available: Bools | None = None,
        reserve: Floats | None = None,
    ) -> Action:
        """Say what to do next with each of n requests, and account for what is sent.

        ``left`` (n,) is how many attempts, this one included, the driver allows at most (the rules
        may allow fewer); ``available`` (n, K) which servers may be sent to, all if not given;
        ``reserve`` (n, K) the most dollars that an attempt can cost, where that is known.
        """
        if len(rows) == 1:
            allowed = PLENTY if left is None else left.item()
            one = slots.item(), now.item(), allowed
            return self.decide_one(*one, available=available, reserve=reserve, rows=rows)
        books, at = self._books, rows * self.slots + slots
        allowed = self.rules.max_attempts - books.attempts[at]
        if left is not None:
            allowed = np.minimum(allowed, left)
        spent = allowed < 1
        if np.count_nonzero(spent):
            some = rows, slots, now, ~spent
            return self._decide_some(*some, left=left, available=available, reserve=reserve)
        everybody = self._everybody[rows] if available is None else available
        context = books.context(rows, at, now, allowed, everybody)
        context.reserve = reserve
        action = self._checked(self.strategy.select(context), context)
        arm = action.arm
        sent = arm >= 0
        books.held[at] = arm == HOLD
        if np.count_nonzero(sent) < len(rows):
            rows, at, arm, now = rows[sent], at[sent], arm[sent], now[sent]
        if len(rows):
            paid = books.send(at, arm, now) > self.rules.free_attempts
            if np.count_nonzero(paid):
                self.paid_attempts[rows] += paid
        return action

    def decide_one(
        self,
        slot: int,
        now: float,
        left: int,
        *,
        available: Bools | None = None,
        reserve: Floats | None = None,
        rows: Ints = ROW,
    ) -> Action:
        """As ``decide`` for a single request; ``available`` and ``reserve`` (1, K)."""
        books, place = self._books, rows.item() * self.slots + slot
        left = min(left, self.rules.max_attempts - books.attempts.item(place))
        if left < 1:
            self.leave_one(slot, rows=rows)
            return Action(np.array([GIVE_UP]))
        everybody = self._everybody[:1] if available is None else available
        context = books.context_of_one(rows, place, now, left, everybody)
        context.reserve = reserve
        action = self.strategy.select(context)
        arm = action.arm.item()
        if available is not None or not 0 <= arm < self.rules.arms:
            action = self._checked(action, context)
            arm = action.arm.item()
        books.held[place] = arm == HOLD
        if arm >= 0 and books.send_one(place, arm, now) > self.rules.free_attempts:
            self.paid_attempts[rows.item()] += 1
        return action

    def complete(
        self,
        rows: Ints,
        slots: Ints,
        outcome: Ints,
        now: Floats,
        retry_after: Floats,
        *,
        number: Ints | None = None,
        cost: Floats | None = None,
        size: Floats | None = None,
    ) -> None:
        """An attempt ended in each of n replications; ``retry_after`` in seconds or NaN.

        ``number`` (n,) says which attempt of its request it was, the last one if not given;
        ``cost`` (n,) in dollars; ``size`` (n,) what the request's size turned out to be.
        """
        if len(rows) == 1:
            one = slots.item(), outcome.item(), now.item(), retry_after.item()
            attempt = None if number is None else number.item()
            self.complete_one(*one, number=attempt, cost=cost, size=size, rows=rows)
            return
        books, at = self._books, rows * self.slots + slots
        number, arm, sent_at = books.end(at, number)
        self.delivered[rows] += outcome == _SUCCEEDED
        feedback = Feedback(
            rows,
            now,
            arm,
            outcome,
            now - sent_at,
            np.minimum(retry_after, LONGEST_WAIT),
            books.request[at],
            number,
            np.zeros(len(rows)) if cost is None else cost,
            books.size[at] if size is None else size,
            None if books.features is None else books.features[at],
        )
        if books.any_gone:
            feedback = feedback.take(np.flatnonzero(arm != GONE))
        if len(feedback.rows):
            self.strategy.observe(feedback)

    def complete_one(
        self,
        slot: int,
        outcome: int,
        now: float,
        retry_after: float,
        *,
        number: int | None = None,
        cost: Floats | None = None,
        size: Floats | None = None,
        rows: Ints = ROW,
    ) -> None:
        """As ``complete`` for a single attempt; ``cost`` and ``size`` (1,)."""
        books, place = self._books, rows.item() * self.slots + slot
        number, arm, sent_at = books.end_one(place, number)
        if outcome == _SUCCEEDED:
            self.delivered[rows.item()] += 1
        if arm == GONE:
            return
        here = slice(place, place + 1)
        feedback = Feedback(
            rows,
            np.array([now]),
            np.array([arm]),
            np.array([outcome]),
            np.array([now - sent_at]),
            np.array([LONGEST_WAIT if retry_after > LONGEST_WAIT else retry_after]),  # or NaN
            books.request[here].copy(),
            np.array([number]),
            _NO_COST if cost is None else cost,
            books.size_of_one(place) if size is None else size,
            None if books.features is None else books.features[here].copy(),
        )
        self.strategy.observe(feedback)

    def leave(self, rows: Ints, slots: Ints) -> None:
        """A request leaves in each of n replications; what was promised to it is withdrawn."""
        if len(rows) == 1:
            self.leave_one(slots.item(), rows=rows)
            return
        at = rows * self.slots + slots
        held = self._books.held[at]
        if np.count_nonzero(held):
            self.strategy.withdraw(rows[held], self._books.request[at][held])
            self._books.held[at] = False

    def leave_one(self, slot: int, *, rows: Ints = ROW) -> None:
        """As ``leave`` for a single request."""
        books, place = self._books, rows.item() * self.slots + slot
        if books.held.item(place):
            self.strategy.withdraw(rows, books.request[place : place + 1].copy())
            books.held[place] = False

    def reward(self, reward: Reward) -> None:
        """Answers turned out to be worth so much, however long ago they were delivered."""
        self.strategy.reward(reward)

    def prefer(self, preference: Preference) -> None:
        """Of two answers, one turned out to be better, however long ago they were delivered."""
        self.strategy.prefer(preference)

    def note(self, sent: Sent) -> None:
        """A replica of this balancer sends, or has promised to send, these attempts.

        As in every batch there is at most one of each replication.
        """
        self.strategy.note(sent)

    def observe(self, feedback: Feedback) -> None:
        """Attempts of a replica of this balancer ended so."""
        self.strategy.observe(feedback)

    def retry_at(self, now: Floats) -> Floats:
        """(R, K) when the strategy would send to each server again, in seconds."""
        return np.broadcast_to(self.strategy.retry_at(now), self._everybody.shape)

    def resize(self, keep: Ints) -> None:
        """Servers come and go: ``keep`` (K',) is what each was before, -1 for a new one.

        Attempts under way on servers that stay teach what they would have taught; those on
        servers that are gone end as well, but teach nothing.
        """
        self.strategy.resize(keep)
        self._books.resize(keep)
        self._everybody = _everybody(len(self._everybody), len(keep))
        self.rules = replace(self.rules, arms=len(keep))

    def grow(self, slots: int) -> None:
        """Make room for this many requests in flight in each replication."""
        self.slots = slots
        self._books.grow(slots)

    def _decide_some(
        self,
        rows: Ints,
        slots: Ints,
        now: Floats,
        ask: Bools,
        *,
        left: Ints | None,
        available: Bools | None,
        reserve: Floats | None,
    ) -> Action:
        """Give up the requests that may not be attempted again; decide about the others."""
        self.leave(rows[~ask], slots[~ask])
        arm = np.full(len(rows), GIVE_UP, dtype=np.intp)
        until, beside = np.full(len(rows), np.nan), np.full(len(rows), np.inf)
        if ask.any():
            left = None if left is None else left[ask]
            available = None if available is None else available[ask]
            reserve = None if reserve is None else reserve[ask]
            some = rows[ask], slots[ask], now[ask]
            action = self.decide(*some, left=left, available=available, reserve=reserve)
            arm[ask] = action.arm
            if action.until is not None:
                until[ask] = action.until
            if action.beside is not None:
                beside[ask] = action.beside
        return Action(arm, until, beside=beside)

    def _checked(self, action: Action, context: Context) -> Action:
        """Refuse illegal answers; turn a hold that would outlive its request into giving up."""
        arm = action.arm
        if np.count_nonzero((arm < GIVE_UP) | (arm >= self.rules.arms)):
            raise IllegalMoveError(
                f"answers must be a server of 0 to {self.rules.arms - 1}, HOLD or GIVE_UP: {arm}"
            )
        sent = np.flatnonzero(arm >= 0)
        if np.count_nonzero(context.available[sent, arm[sent]]) < sent.size:
            raise IllegalMoveError(f"a server of {arm[sent]} is not available")
        held = arm == HOLD
        return self._held_in_time(action, held, context) if np.count_nonzero(held) else action

    def _held_in_time(self, action: Action, held: Bools, context: Context) -> Action:
        if action.until is None or not (action.until[held] > context.now[held]).all():
            raise IllegalMoveError("HOLD needs a time in the future to ask again (Action.until)")
        until = _whole(action.until)
        late = held & (np.where(held, until, context.now) >= context.deadline)
        if np.count_nonzero(late):
            self.strategy.withdraw(context.rows[late], context.request[late])
        return replace(action, arm=np.where(late, GIVE_UP, action.arm), until=until)


def _everybody(replications: int, arms: int) -> Bools:
    """(R, K) all servers are available; shared by many contexts, so nobody may change it."""
    everybody = np.ones((replications, arms), dtype=bool)
    everybody.flags.writeable = False
    return everybody


def _whole(until: Floats) -> Floats:
    """Times on whole ticks, never earlier than they were."""
    ticks = np.ceil(until * TICKS)
    ticks += ticks / TICKS < until  # where the product lost a last digit
    return ticks / TICKS
