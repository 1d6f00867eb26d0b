"""cascade: price what is scarce, wait where waiting brings more, stop where trying costs more.

With limits, exploiting the best server empties it, and trying again at once burns an attempt on
a refusal.  So this strategy asks of each server what its next admission is worth, and when it
comes.  Sending attempt k to server i in w seconds is worth

    V_k+1 - c_k + p_i(w) s_i (1 - V_k+1) - hurry w

p_i(w) the chance of admission then (``parts/capacity.py``), s_i of success, c_k 0 while attempts
are free, else the penalty, V_k the value of a request before attempt k.  It takes the best pair of
server and time: sends, or holds the request, which then has a promise: requests that come later
expect that admission to be spent.  So queues form in front of good servers, their length is their
price, and whatever is worth less goes elsewhere: prices of the linear programme's dual (``bound``)
that nobody needs to compute.  A paid attempt that is worth nothing is not made.

Quality is learnt from successes and failures only, and never forgotten.  s_i is drawn from its Beta
posterior as long as another free attempt follows, where exploring costs little, and is the
posterior's mean on the last free attempt and on paid ones.  Any server may be tried again.

Sources: the dual of the bound as in bandits with knapsacks (Badanidiyuru, Kleinberg and Slivkins,
arXiv 1305.2545); Thompson, Biometrika 25 (1933); growth with time from CUBIC (RFC 9438) and the
adaptive retries of AWS; what was tried and measured is in docs/decisions/0006-cascade.md.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.strategy import Strategy
from flaky_load_balancer.types import (
    GIVE_UP,
    HOLD,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Rules,
)
from strategies.parts.beta import draw, require_prior
from strategies.parts.capacity import LEVELS, Capacity
from strategies.parts.dual import values
from strategies.parts.numbers import require
from strategies.parts.patience import Patience
from strategies.parts.quality import Quality
from strategies.parts.tickets import Tickets

LOST = 1e3  # points less, where there is less hope than that: only if there is none at all
AT_ONCE = 1e-4  # seconds that nobody is held for
FAR = 10.0
SHARP = 2.5


@dataclass
class Cascade(Strategy):
    """Send where the next admission is worth most, now or later."""

    a: float = 2.0
    b: float = 1.0
    hurry: float = 0.2  # points that a second of waiting costs
    drift: float = 1.0  # how fast what is known of a limit goes stale

    def __post_init__(self) -> None:
        require_prior(self.a, self.b)
        require("hurry", self.hurry, above=0)
        require("drift", self.drift, above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        shape = replications, rules.arms
        self.rules, self.rng = rules, rng
        self.quality = Quality(*shape, self.a, self.b)
        self.capacity = Capacity(*shape, drift=self.drift)
        self.patience = Patience(replications)
        self.tickets = Tickets(replications)

    def observe(self, feedback: Feedback) -> None:
        self.quality.learn(feedback)
        self.capacity.learn(feedback)
        self.patience.learn(feedback)

    def select(self, context: Context) -> Action:
        move = np.full(len(context.rows), -9)
        self._promised(context, move)
        rows, now = context.rows, context.now
        wait = np.maximum(self.capacity.ready_at(rows) - now[:, None, None], 0.0)
        gain, later = self._gain(context, wait[:, :, -1])
        worth, delay = self._best_time(context, wait, gain)
        arm = worth.argmax(axis=1)
        each = np.arange(len(arm))
        paid = context.attempt > self.rules.free_attempts
        useless: Bools = later - self.rules.penalty + worth[each, arm] <= 0
        until = now + delay[each, arm]
        new = np.where(delay[each, arm] > AT_ONCE, HOLD, arm)
        new = np.where(paid & useless, GIVE_UP, new)
        fresh = move == -9
        move = np.where(fresh, new, move)
        self._enter(context, fresh, move, arm, until)
        return Action(move, until, worth, wait[:, :, 0] <= 0)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        rows = np.arange(len(now))
        ready = self.capacity.ready_at(rows)[:, :, -1]
        return self.quality.beliefs(rows, now) | {
            "until": np.maximum(ready, now[:, None]),
            "capacity": self.capacity.rate(rows),
        }

    def _promised(self, context: Context, move: Ints) -> None:
        """Send requests that were held for a server, if that still looks open."""
        holding, arm, time = self.tickets.take(context.rows, context.deadline)
        if holding.size:
            rows, now = context.rows[holding], context.now[holding]
            kept = self.capacity.redeem(rows, arm, time, now)
            move[holding[kept]] = arm[kept]

    def _gain(self, context: Context, wait: Floats) -> tuple[Floats, Floats]:
        """(n, K) what an admission by each server is worth now, and (n,) V_k+1 without it."""
        shapes = self.quality.shapes(context.rows, context.now)
        mean = shapes[:, 0] / shapes.sum(axis=1)
        trust = self.capacity.trust(context.rows)
        price = self.hurry * np.minimum(wait, FAR)
        value = values(mean * trust, price, self.rules)
        following = np.minimum(context.attempt, value.shape[1] - 1)
        later = value[np.arange(len(value)), following]
        later = np.where(context.attempt < self.rules.max_attempts, later, 0.0)
        early = context.attempt < self.rules.free_attempts
        success = mean
        if early.any():
            success = np.where(early[:, None], draw(SHARP * shapes, self.rng), mean)
        return trust * success * (1.0 - later)[:, None], later

    def _best_time(self, context: Context, wait: Floats, gain: Floats) -> tuple[Floats, Floats]:
        """(n, K) each: what the best attempt on each server is worth, in how many seconds.

        Without any hope a request waits as long as it can: what is known may be wrong.
        """
        left = self.patience.left(context.rows, context.now, context.deadline)
        value = LEVELS * gain[:, :, None] - self.hurry * wait
        value[wait > left[:, None, None]] = -np.inf
        level = value.argmax(axis=2)[:, :, None]
        worth = np.take_along_axis(value, level, 2)[:, :, 0]
        delay = np.take_along_axis(wait, level, 2)[:, :, 0]
        lost = np.isneginf(worth)
        if np.count_nonzero(lost):
            worth = np.where(lost, gain - LOST, worth)
            delay = np.where(lost, 0.0, delay)
            delay[lost.all(axis=1)] = left[lost.all(axis=1), None]
        return worth, delay

    def _enter(self, context: Context, fresh: Bools, move: Ints, arm: Ints, until: Floats) -> None:
        """Note what is sent and what is promised."""
        rows = context.rows
        on = np.flatnonzero(fresh & (move != GIVE_UP))
        if on.size:
            held = np.flatnonzero(move[on] == HOLD)
            time = np.where(move[on] == HOLD, until[on], context.now[on])
            if held.size:
                h = on[held]
                self.tickets.give(rows[h], context.deadline[h], arm[h], until[h])
            self.capacity.enter(rows[on], arm[on], time)
