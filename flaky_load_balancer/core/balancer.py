"""The rules of the game, without I/O: what happens to a request between two events.

One object, two drivers: the asyncio dispatcher (one replication, real time) and the simulator
(R replications, virtual time).  It never sleeps, sends, or reads a clock.  A request in flight
occupies a *slot* of its replication, from ``arrive`` until ``leave``.  Any number of its attempts
may be under way at once; they are told apart by their numbers, and each ends exactly once.
"""

from dataclasses import replace

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Outcome,
    Reward,
    Rules,
    Sent,
)

LONGEST_WAIT = 60.0  # seconds: a server may not send us away for longer than this
TICKS = 1e6  # per second: holds end on whole ones, so that equal times are equal to the last digit
NO_SERVER = -1  # where an attempt was sent that is not under way
GONE = -2  # where one was sent whose server has left since
_SUCCEEDED = int(Outcome.SUCCEEDED)  # comparing an array with an enum's member takes 3 us
_PER_REQUEST = "_attempts", "_tried", "_deadline", "_request", "_size", "_held", "_arm", "_sent_at"


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
    ) -> None:
        strategy.reset(rules, replications, rng)
        self.strategy = strategy
        self.rules = rules
        # The books of requests in flight; place = row x slots + slot.  Numpy finds entries several
        # times faster by one index than by two.
        places = replications * slots
        self.slots = slots
        self._attempts = np.zeros(places, dtype=np.intp)
        self._tried = np.zeros((places, rules.arms), dtype=bool)
        self._deadline = np.zeros(places)
        self._request = np.zeros(places, dtype=np.int64)
        self._size = np.full(places, np.nan)
        self._features: Floats | None = None  # (places, d), once there are any
        self._held = np.zeros(places, dtype=bool)  # until it is asked about again
        # The books of attempts: (places, how many attempts a request has had at most so far).
        self._arm = np.full((places, 1), NO_SERVER, dtype=np.intp)
        self._sent_at = np.zeros((places, 1))
        self._everybody = np.ones((replications, rules.arms), dtype=bool)
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
        return self._attempts.reshape(-1, self.slots)

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
        at = self._places(rows, slots)
        self.arrived[rows] += 1
        self._attempts[at] = 0
        self._tried[at] = False
        self._deadline[at] = deadline
        self._request[at] = self.arrived[rows] if request is None else request
        self._size[at] = np.nan if size is None else size
        self._held[at] = False
        self._arm[at] = NO_SERVER
        if features is not None:
            if self._features is None:
                self._features = np.full((len(self._attempts), features.shape[1]), np.nan)
            self._features[at] = features

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
        at = self._places(rows, slots)
        allowed = self.rules.max_attempts - self._attempts[at]
        if left is not None:
            allowed = np.minimum(allowed, left)
        spent = allowed < 1
        if np.count_nonzero(spent):
            some = rows, slots, now, ~spent
            return self._decide_some(*some, left=left, available=available, reserve=reserve)
        context = self._context(rows, at, now, allowed, available)
        context.reserve = reserve
        self._held[at] = False
        action = self._checked(self.strategy.select(context), context)
        arm = action.arm
        if np.count_nonzero(arm < 0):
            self._held[at] = arm == HOLD
            sent = arm >= 0
            rows, slots, arm, now = rows[sent], slots[sent], arm[sent], now[sent]
        if len(rows):
            self._account(rows, slots, arm, now)
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
        at = self._places(rows, slots)
        number = self._attempts[at] if number is None else number
        book = self._book(rows, slots, number)
        arm = self._arm[book]
        if np.count_nonzero(arm == NO_SERVER):
            raise ValueError(f"attempts {number} are not all under way")
        self._arm[book] = NO_SERVER
        self.delivered[rows] += outcome == _SUCCEEDED
        feedback = Feedback(
            rows,
            now,
            arm,
            outcome,
            now - self._sent_at[book],
            np.minimum(retry_after, LONGEST_WAIT),
            self._request[at].copy(),
            number.copy(),
            np.zeros(len(rows)) if cost is None else cost,
            self._size[at].copy() if size is None else size,
            None if self._features is None else self._features[at].copy(),
        )
        if np.count_nonzero(arm == GONE):
            feedback = feedback.take(np.flatnonzero(arm != GONE))
        if len(feedback.rows):
            self.strategy.observe(feedback)

    def leave(self, rows: Ints, slots: Ints) -> None:
        """A request leaves in each of n replications; what was promised to it is withdrawn."""
        at = self._places(rows, slots)
        held = self._held[at]
        if np.count_nonzero(held):
            self.strategy.withdraw(rows[held], self._request[at][held])
            self._held[at] = False

    def reward(self, reward: Reward) -> None:
        """Answers turned out to be worth so much, however long ago they were delivered."""
        self.strategy.reward(reward)

    def note(self, sent: Sent) -> None:
        """A replica of this balancer sends, or has promised to send, these attempts."""
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
        old, new = keep[keep >= 0], np.flatnonzero(keep >= 0)
        is_now = np.full(self.rules.arms, GONE)
        is_now[old] = new
        under_way = self._arm >= 0
        self._arm[under_way] = is_now[self._arm[under_way]]
        tried = np.zeros((len(self._tried), len(keep)), dtype=bool)
        tried[:, new] = self._tried[:, old]
        self._tried = tried
        self._everybody = np.ones((len(self._everybody), len(keep)), dtype=bool)
        self.rules = replace(self.rules, arms=len(keep))

    def grow(self, slots: int) -> None:
        """Make room for this many requests in flight in each replication."""
        before, self.slots = self.slots, slots
        for name in (*_PER_REQUEST, "_features"):
            book = getattr(self, name)
            if book is not None:
                book = book.reshape(-1, before, *book.shape[1:])
                more = [(0, 0)] * book.ndim
                more[1] = 0, slots - before
                setattr(self, name, np.pad(book, more).reshape(-1, *book.shape[2:]))

    def _context(
        self, rows: Ints, at: Ints | slice, now: Floats, left: Ints, available: Bools | None
    ) -> Context:
        return Context(
            rows,
            now,
            self._attempts[at] + 1,
            self._tried[at].copy(),
            self._deadline[at].copy(),
            self._request[at].copy(),
            left,
            self._everybody[rows] if available is None else available,
            self._size[at].copy(),
            None if self._features is None else self._features[at].copy(),
        )

    def _places(self, rows: Ints, slots: Ints) -> Ints | slice:
        """Where n requests are in the books; one, as live, in a form that numpy finds faster."""
        if len(rows) != 1:
            places: Ints = rows * self.slots + slots
            return places
        place = rows.item() * self.slots + slots.item()
        return slice(place, place + 1)

    def _book(self, rows: Ints, slots: Ints, number: Ints) -> tuple[Ints, Ints]:
        """Where n attempts are in the books of attempts."""
        return rows * self.slots + slots, number - 1

    def _account(self, rows: Ints, slots: Ints, arm: Ints, now: Floats) -> None:
        """Enter what is sent in the books."""
        at = self._places(rows, slots)
        attempts = self._attempts[at] + 1
        self._attempts[at] = attempts
        self._tried[at, arm] = True
        widest = self._arm.shape[1]
        if np.count_nonzero(attempts > widest):
            self._widen(2 * widest)
        book = self._book(rows, slots, attempts)
        self._arm[book] = arm
        self._sent_at[book] = now
        paid = attempts > self.rules.free_attempts
        if np.count_nonzero(paid):
            self.paid_attempts[rows] += paid

    def _widen(self, width: int) -> None:
        """Make room for so many attempts of each request."""
        more = (0, 0), (0, width - self._arm.shape[1])
        self._arm = np.pad(self._arm, more, constant_values=NO_SERVER)
        self._sent_at = np.pad(self._sent_at, more)

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
        until = np.full(len(rows), np.nan)
        if ask.any():
            left = None if left is None else left[ask]
            available = None if available is None else available[ask]
            reserve = None if reserve is None else reserve[ask]
            some = rows[ask], slots[ask], now[ask]
            action = self.decide(*some, left=left, available=available, reserve=reserve)
            arm[ask] = action.arm
            if action.until is not None:
                until[ask] = action.until
        return Action(arm, until)

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


def _whole(until: Floats) -> Floats:
    """Times on whole ticks, never earlier than they were."""
    ticks = np.ceil(until * TICKS)
    ticks += ticks / TICKS < until  # where the product lost a last digit
    return ticks / TICKS
