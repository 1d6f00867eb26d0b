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
from strategies.parts.beta import BetaPosterior, draw, require_prior
from strategies.parts.capacity import Capacity
from strategies.parts.counts import Counts
from strategies.parts.dual import values
from strategies.parts.numbers import require
from strategies.parts.outlook import Outlook
from strategies.parts.patience import Patience
from strategies.parts.tickets import Tickets

SHARES = 0.5, 0.8, 1.0  # of the chance of admission, that a request may wait for
HOPELESS = 0.1  # of it, below which no attempt is made that could be made later
KEPT = 0.5  # of it, below which a promise is void
LOST = 1e3  # points less, where there is less hope than that: only if there is none at all
AT_ONCE = 1e-4  # seconds that nobody is held for


@dataclass
class Cascade(Strategy):
    """Send where the next admission is worth most, now or later."""

    a: float = 2.0
    b: float = 1.0
    hurry: float = 0.2  # points that a second of waiting costs
    drift: float = 20.0  # seconds until what is known of a limit is stale
    growth: float = 10.0  # seconds after a refusal until a limit is tested boldly

    def __post_init__(self) -> None:
        require_prior(self.a, self.b)
        require("hurry", self.hurry, above=0)
        require("drift", self.drift, above=0)
        require("growth", self.growth, above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        shape = replications, rules.arms
        self.rules, self.rng = rules, rng
        self.counts = Counts(*shape)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=False)
        self.capacity = Capacity(*shape, drift=self.drift, growth=self.growth)
        self.patience = Patience(replications)
        self.tickets = Tickets(replications)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.capacity.learn(feedback)
        self.patience.learn(feedback)

    def select(self, context: Context) -> Action:
        promised = self._promised(context)
        outlook = self.capacity.outlook(context.rows, context.now)
        gain, later = self._gain(context, outlook)
        worth, wait = self._best_time(context, outlook, gain)
        arm = worth.argmax(axis=1)
        each = np.arange(len(arm))
        paid = context.attempt > self.rules.free_attempts
        useless: Bools = later - self.rules.penalty + worth[each, arm] <= 0
        until = context.now + wait[each, arm]
        move = np.where(wait[each, arm] > AT_ONCE, HOLD, arm)
        move = np.where(paid & useless, GIVE_UP, move)
        move = np.where(promised >= 0, promised, move)
        self._enter(context, move, arm, until)
        return Action(move, until, worth, outlook.chance(0.0) > KEPT)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        rows = np.arange(len(now))
        outlook = self.capacity.outlook(rows, now)
        return self.posterior.beliefs() | {
            "until": now[:, None] + outlook.wait(1.0),
            "capacity": self.capacity.rate(rows, now),
        }

    def _promised(self, context: Context) -> Ints:
        """(n,) the server that a request was held for, if that still looks open, else -1."""
        promised = np.full(len(context.rows), -1)
        holding, arm, time = self.tickets.take(context.rows, context.deadline)
        if holding.size:
            rows, now = context.rows[holding], context.now[holding]
            kept = self.capacity.redeem(rows, arm, time, now) > KEPT
            promised[holding[kept]] = arm[kept]
        return promised

    def _gain(self, context: Context, outlook: Outlook) -> tuple[Floats, Floats]:
        """(n, K) what an admission by each server is worth now, and (n,) V_k+1 without it."""
        shapes = self.posterior.shapes(context.rows)
        mean = shapes[:, 0] / shapes.sum(axis=1)
        price = self.hurry * np.minimum(outlook.wait(1.0), 10.0)
        value = values(mean * outlook.chance(np.inf), price, self.rules)
        following = np.minimum(context.attempt, value.shape[1] - 1)
        later = value[np.arange(len(value)), following]
        later = np.where(context.attempt < self.rules.max_attempts, later, 0.0)
        early = context.attempt < self.rules.free_attempts
        success = mean
        if early.any():
            success = np.where(early[:, None], draw(shapes, self.rng), mean)
        return success * (1.0 - later)[:, None], later

    def _best_time(self, context: Context, outlook: Outlook, gain: Floats) -> tuple[Floats, Floats]:
        """(n, K) each: what the best attempt on each server is worth, in how many seconds.

        Without any hope a request waits as long as it can: what is known may be wrong.
        """
        left = self.patience.left(context.rows, context.now, context.deadline)[:, None]
        worth = np.full(gain.shape, -np.inf)
        wait = np.zeros_like(worth)
        for share in (0.0, *SHARES):
            after = np.minimum(outlook.wait(share), left) if share else np.zeros_like(worth)
            p = outlook.chance(after)
            this = np.where(p > HOPELESS * outlook.trust, p * gain - self.hurry * after, -np.inf)
            better = this > worth
            worth, wait = np.where(better, this, worth), np.where(better, after, wait)
        lost = np.isneginf(worth)
        worth = np.where(lost, outlook.chance(0.0) * gain - LOST, worth)
        return worth, np.where(np.logical_and.reduce(lost, 1)[:, None], left, wait)

    def _enter(self, context: Context, move: Ints, arm: Ints, until: Floats) -> None:
        """Note what is sent and what is promised."""
        rows = context.rows
        sent, held = np.flatnonzero(move >= 0), np.flatnonzero(move == HOLD)
        if sent.size:
            self.capacity.enter(rows[sent], move[sent], context.now[sent])
        if held.size:
            self.tickets.give(rows[held], context.deadline[held], arm[held], until[held])
            self.capacity.enter(rows[held], arm[held], until[held])
