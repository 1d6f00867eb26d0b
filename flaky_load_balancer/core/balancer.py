"""The rules of the game, without I/O: what happens to a request between two events.

One object, two drivers: the asyncio dispatcher (one replication, real time) and the simulator
(R replications, virtual time).  It never sleeps, sends, or reads a clock.  A request in flight
occupies a *slot* of its replication, from ``arrive`` until its driver uses the slot again.
"""

from dataclasses import replace

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Context,
    Feedback,
    Floats,
    Ints,
    Outcome,
    Rules,
)

LONGEST_WAIT = 60.0  # seconds: a server may not send us away for longer than this
TICKS = 1e6  # per second: holds end on whole ones, so that equal times are equal to the last digit
_SUCCEEDED = int(Outcome.SUCCEEDED)  # comparing an array with an enum's member takes 3 us


class IllegalMoveError(Exception):
    """A strategy answered what the rules do not allow: a fault of the strategy, not of a server."""


class Balancer:
    """Keeps the books of every request in flight and asks the strategy what to do next."""

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
        self._arm = np.zeros(places, dtype=np.intp)
        self._sent_at = np.zeros(places)
        self._deadline = np.zeros(places)
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

    def arrive(self, rows: Ints, slots: Ints, deadline: Floats) -> None:
        """A new request takes a slot in each of n replications; ``deadline`` (n,) in seconds."""
        at = self._places(rows, slots)
        self._attempts[at] = 0
        self._tried[at] = False
        self._deadline[at] = deadline

    def decide(self, rows: Ints, slots: Ints, now: Floats) -> Action:
        """Say what to do next with each of n requests, and account for what is sent."""
        if len(rows) == 1:
            return self._decide_one(rows, slots, now)
        return self._decide_each(rows, slots, now)

    def _decide_one(self, rows: Ints, slots: Ints, now: Floats) -> Action:
        """As ``_decide_each`` for a single request, as live: numbers are quicker than arrays."""
        place = rows.item() * self.slots + slots.item()
        made = self._attempts.item(place)
        if made >= self.rules.max_attempts:
            return Action(np.array([GIVE_UP]))
        at = slice(place, place + 1)
        deadline, tried = self._deadline[at].copy(), self._tried[at].copy()
        action = self.strategy.select(Context(rows, now, self._attempts[at] + 1, tried, deadline))
        if not 0 <= action.arm.item() < self.rules.arms:
            action = self._checked(action, now, deadline)
        arm = action.arm.item()
        if arm >= 0:
            self._attempts[place] = made + 1
            self._tried[place, arm] = True
            self._arm[place] = arm
            self._sent_at[place] = now.item()
            if made >= self.rules.free_attempts:
                self.paid_attempts[rows.item()] += 1
        return action

    def _decide_each(self, rows: Ints, slots: Ints, now: Floats) -> Action:
        at = self._places(rows, slots)
        attempt = self._attempts[at] + 1
        spent = attempt > self.rules.max_attempts
        if np.count_nonzero(spent):
            return self._decide_some(rows, slots, now, ~spent)
        deadline, tried = self._deadline[at].copy(), self._tried[at].copy()
        action = self.strategy.select(Context(rows, now, attempt, tried, deadline))
        arm = action.arm
        if not np.count_nonzero((arm < 0) | (arm >= self.rules.arms)):
            self._account(rows, at, arm, now)
            return action
        action = self._checked(action, now, deadline)
        sent = action.arm >= 0
        rows, slots = rows[sent], slots[sent]
        self._account(rows, self._places(rows, slots), action.arm[sent], now[sent])
        return action

    def complete(
        self, rows: Ints, slots: Ints, outcome: Ints, now: Floats, retry_after: Floats
    ) -> None:
        """An attempt ended in each of n replications; ``retry_after`` in seconds or NaN."""
        if len(rows) == 1:
            self._complete_one(rows, slots, outcome, now, retry_after)
            return
        at = self._places(rows, slots)
        self.delivered[rows] += outcome == _SUCCEEDED
        arm, latency = self._arm[at].copy(), now - self._sent_at[at]
        wait = np.minimum(retry_after, LONGEST_WAIT)
        self.strategy.observe(Feedback(rows, now, arm, outcome, latency, wait))

    def _complete_one(
        self, rows: Ints, slots: Ints, outcome: Ints, now: Floats, retry_after: Floats
    ) -> None:
        """As ``complete`` for a single request: numbers are quicker than arrays."""
        place = rows.item() * self.slots + slots.item()
        if outcome.item() == _SUCCEEDED:
            self.delivered[rows.item()] += 1
        arm, latency = self._arm[place : place + 1].copy(), now - self._sent_at.item(place)
        long = retry_after.item() > LONGEST_WAIT
        wait = np.array([LONGEST_WAIT]) if long else retry_after
        self.strategy.observe(Feedback(rows, now, arm, outcome, latency, wait))

    def grow(self, slots: int) -> None:
        """Make room for this many requests in flight in each replication."""
        before, self.slots = self.slots, slots
        for name in ("_attempts", "_tried", "_arm", "_sent_at", "_deadline"):
            book = getattr(self, name)
            book = book.reshape(-1, before, *book.shape[1:])
            more = [(0, 0)] * book.ndim
            more[1] = 0, slots - before
            setattr(self, name, np.pad(book, more).reshape(-1, *book.shape[2:]))

    def _places(self, rows: Ints, slots: Ints) -> Ints | slice:
        """Where n requests are in the books; one, as live, in a form that numpy finds faster."""
        if len(rows) != 1:
            places: Ints = rows * self.slots + slots
            return places
        place = rows.item() * self.slots + slots.item()
        return slice(place, place + 1)

    def _account(self, rows: Ints, at: Ints | slice, arm: Ints, now: Floats) -> None:
        """Enter what is sent in the books."""
        attempts = self._attempts[at] + 1
        self._attempts[at] = attempts
        self._tried[at, arm] = True
        self._arm[at] = arm
        self._sent_at[at] = now
        paid = attempts > self.rules.free_attempts
        if np.count_nonzero(paid):
            self.paid_attempts[rows] += paid

    def _decide_some(self, rows: Ints, slots: Ints, now: Floats, ask: np.ndarray) -> Action:
        """Give up the requests that may not be attempted again; decide about the others."""
        arm = np.full(len(rows), GIVE_UP, dtype=np.intp)
        until = np.full(len(rows), np.nan)
        if ask.any():
            action = self.decide(rows[ask], slots[ask], now[ask])
            arm[ask] = action.arm
            if action.until is not None:
                until[ask] = action.until
        return Action(arm, until)

    def _checked(self, action: Action, now: Floats, deadline: Floats) -> Action:
        """Refuse illegal answers; turn a hold that would outlive its request into giving up."""
        arm = action.arm
        if arm.min() >= 0:
            if arm.max() >= self.rules.arms:
                raise IllegalMoveError(f"server {arm.max()} of {self.rules.arms} (counted from 0)")
            return action
        if arm.min() < GIVE_UP or arm.max() >= self.rules.arms:
            raise IllegalMoveError(f"answers must be a server, HOLD or GIVE_UP, not {arm}")
        held = arm == HOLD
        if not held.any():
            return action
        if action.until is None or not (action.until[held] > now[held]).all():
            raise IllegalMoveError("HOLD needs a time in the future to ask again (Action.until)")
        until = _whole(action.until)
        late = held & (np.where(held, until, now) >= deadline)
        return replace(action, arm=np.where(late, GIVE_UP, arm), until=until)


def _whole(until: Floats) -> Floats:
    """Times on whole ticks, never earlier than they were."""
    ticks = np.ceil(until * TICKS)
    ticks += ticks / TICKS < until  # where the product lost a last digit
    return ticks / TICKS
