"""cascade: price what is scarce, wait where waiting brings more, stop where trying costs more.

With limits, exploiting the best server empties it, and trying again at once burns an attempt on
a refusal.  So this strategy asks of each server what its next admission is worth, and when it
comes.  Sending attempt k to server i in w seconds is worth

    V_k+1 - c_k + p_i(w) s_i (1 - V_k+1) - hurry w

p_i(w) the chance of admission then (``capacity/``), s_i of success, c_k 0 while attempts
are free, else the penalty, V_k the value of a request before attempt k.  It takes the best pair of
server and time: sends, or holds the request, which then has a promise: requests that come later
expect that admission to be spent.  So queues form in front of good servers, their length is their
price, and whatever is worth less goes elsewhere: prices of the linear programme's dual (``bound``)
that nobody needs to compute.

Each of the H requests that are held now also waits longer when this one does.  So seconds cost
more under load: ``toll`` H hurry for each that cannot be saved, ``crowd`` H hurry for each that
could be, by sending as soon as there is any chance.  What is sent early is what tells that a limit
is larger than it was taken to be; waiting until an admission is certain teaches nothing.  Where
nothing is worth its wait, a free attempt is sent at once, since it costs nothing, and a paid one is
not made.  What goes out early asks each server in its turn, by the time since it refused, not the
one that is forecast to be open first: forecasts that are wrong leave windows of others unused.
How often new requests found nothing lately, in ``missed``, is the price of an admission: a paid
attempt takes it away from another's free one.  Nor is one paid for where admissions that were
expected were refused lately: what servers that did not refuse yet have in common with those that
did is told by ``Capacity.refused``.

Quality is learnt from successes and failures only (``parts/quality.py``), and forgotten only after
an alarm.  s_i is drawn from its Beta posterior, sharpened, as long as another free attempt follows,
where exploring costs little; it is the posterior's mean on the last free attempt, on the last one
of all and on paid ones.
Any server may be tried again.

With ``features=on``, what an answer is worth depends on what the request is about: u_i, the utility
that ``lints`` predicts from its features, dollars and seconds included, takes the place of s_i as
the reward of an admission: u_i - s_i V_k+1.  Limits, prices and holds are as without.

Source: our own, put together from the dual of the bound as in bandits with knapsacks
(Badanidiyuru, Kleinberg and Slivkins, arXiv 1305.2545), Thompson sampling (Biometrika 25, 1933),
Bayesian averaging over hypotheses and a likelihood ratio for change (Besson et al., arXiv
1902.01575); what was measured is in docs/decisions/0006-cascade.md and 0007.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.state import State
from flaky_load_balancer.core.strategy import Strategy, given_up
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Reward,
    Rules,
    Sent,
)
from strategies.capacity.capacity import Capacity
from strategies.capacity.forecast import LEVELS
from strategies.capacity.intervals import HIGHEST, LOWEST
from strategies.lints import LinThompson
from strategies.parts.batches import together
from strategies.parts.beta import draw, require_prior
from strategies.parts.dual import value
from strategies.parts.numbers import require, require_one_of
from strategies.parts.promises import Promises
from strategies.parts.quality import Quality
from strategies.parts.time_left import TimeLeft
from strategies.parts.utility import features as request_features

LOST = 1e3  # points less, where there is less hope than that: only if there is none at all
AT_ONCE = 1e-4  # seconds that nobody is held for
FAR = 10.0  # seconds: no price is above that of waiting so long
LEAST_WORTH = 0.01  # points: no server is taken to be worth nothing
RECENT = 0.05  # the weight of the newest request in how many found nothing worth waiting for


@dataclass
class Cascade(Strategy):
    """Send where the next admission is worth most, now or later."""

    a: float = 2.0
    b: float = 1.0
    hurry: float = 0.2  # points that a second of waiting costs
    sharpness: float = 2.5  # of draws, as if so many times as much were known
    drift: float = 2.5  # how fast what is known of a limit goes stale
    crowd: float = 0.3  # of ``hurry``: what a second that could be saved costs each held request
    toll: float = 0.1  # the same of a second that could not be saved
    scarce: float = 1.0  # points for an admission where every new request finds nothing
    slowest: float = LOWEST  # admissions per second that a limit is taken to allow, before any is
    fastest: float = HIGHEST  # met; answers that say otherwise count more
    features: str = "off"  # on: what an answer is worth depends on the request

    transient: ClassVar = ("promises",)

    def __post_init__(self) -> None:
        require_prior(self.a, self.b)
        require("hurry", self.hurry, above=0)
        require("sharpness", self.sharpness, least=0.1)
        require("drift", self.drift, above=0)
        require("crowd", self.crowd, least=0)
        require("toll", self.toll, least=0)
        require("scarce", self.scarce, least=0)
        require("slowest", self.slowest, above=0)
        require("fastest", self.fastest, above=self.slowest)
        require_one_of("features", self.features, ("off", "on"))

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        shape = replications, rules.arms
        self.rules, self.rng = rules, rng
        self.quality = Quality(*shape, self.a, self.b)
        between = self.slowest, self.fastest
        self.capacity = Capacity(*shape, drift=self.drift, between=between)
        self.time_left = TimeLeft(replications)
        self.promises = Promises(replications)
        self.missed: Floats = np.zeros(replications)
        self.worth: LinThompson | None = None
        if self.features == "on":
            self.worth = LinThompson()
            self.worth.reset(rules, replications, rng)

    def observe(self, feedback: Feedback) -> None:
        self.quality.learn(feedback)
        self.capacity.learn(feedback)
        self.time_left.learn(feedback)
        if self.worth is not None:
            self.worth.observe(feedback)

    def alarms(self) -> Floats:
        return self.quality.alarms.reshape(-1, self.rules.arms)

    def reward(self, reward: Reward) -> None:
        if self.worth is not None:
            self.worth.reward(reward)

    def select(self, context: Context) -> Action:
        """Send as was promised, choose for all others."""
        promised = self._promised(context)
        kept = (promised >= 0).nonzero()[0]
        if not kept.size:
            return self._choose(context)
        sent = _as_promised(promised.take(kept), self.rules.arms)
        if kept.size == promised.size:
            return sent
        others = np.flatnonzero(promised < 0)
        return together(context, (kept, others), (sent, self._choose(context.take(others))))

    def note(self, sent: Sent) -> None:
        """A replica's attempt uses up an admission as one of ours does, and so does its promise."""
        rows, promised = sent.rows, sent.promised.nonzero()[0]
        self.withdraw(rows, sent.request)  # what was promised is sent now, or promised anew
        if promised.size:
            theirs = rows[promised], sent.request[promised], sent.arm[promised]
            self.promises.give(*theirs, sent.time[promised], sent.now[promised])
        self.capacity.enter(rows, sent.arm, sent.time, sent.size)

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        holding, arm, time, _ = self.promises.take(rows, requests)
        if holding.size:
            self.capacity.withdraw(rows[holding], arm, time)

    def state(self) -> State:
        """Promises are of the moment: the admissions that they would use up are left out."""
        copied = deepcopy(self)
        for row, request in zip(*copied.promises.open(), strict=True):
            copied.withdraw(np.array([row]), np.array([request]))
        return Strategy.state(copied)

    def resize(self, keep: Ints) -> None:
        super().resize(keep)
        self.promises.resize(keep)

    def retry_at(self, now: Floats) -> Floats:
        rows = np.arange(len(now))
        return np.maximum(self.capacity.ready_at(rows)[:, :, -1], now[:, None])

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        rows = np.arange(len(now))
        low, high = self.capacity.rates(rows)
        return self.quality.beliefs(rows, now) | {
            "until": self.retry_at(now),
            "capacity": self.capacity.rate(rows),
            "capacity_low": low,
            "capacity_high": high,
        }

    def _promised(self, context: Context) -> Ints:
        """(n,) the server that each request was held for, if that still looks open, else -1."""
        promised = np.full(len(context.rows), -1)
        holding, arm, time, since = self.promises.take(context.rows, context.request)
        if holding.size:
            rows, now = context.rows[holding], context.now[holding]
            kept = self.capacity.redeem(rows, arm, time, since, now)
            gone = kept & ~context.available[holding, arm]
            self.capacity.withdraw(rows[gone], arm[gone], time[gone])
            kept &= ~gone
            promised[holding[kept]] = arm[kept]
        return promised

    def _choose(self, context: Context) -> Action:
        """The best pair of server and time for each request."""
        wait = self.capacity.wait(context.rows, context.now, context.size)
        gain, later = self._gain(context, wait)
        worth, delay = (gain, None) if wait is None else self._best_time(context, wait, gain)
        worth = np.where(context.available, worth, -np.inf)
        arm = worth.argmax(axis=1)
        paid = context.attempt > self.rules.free_attempts
        pays = np.count_nonzero(paid) > 0
        if wait is None and not pays:  # nothing to wait for, and nothing to give up
            return self._entered(
                context, Action(arm, context.now, worth, context.available.copy()), arm, asked=False
            )
        each = np.arange(len(arm))
        top = worth[each, arm]
        useless: Bools = paid
        if pays:
            price = self.rules.penalty + self.scarce * self.missed.take(context.rows)
            useless = paid & (top <= price - later)
        move, until, index = arm, context.now, worth
        if delay is not None:
            seconds = delay[each, arm]
            nothing = top + later + self.hurry * seconds <= 0.0
            self._count_missed(context, nothing)
            early = nothing & ~paid & (seconds > AT_ONCE)
            if np.count_nonzero(early):
                arm = np.where(early, self._longest_ago(context, gain), arm)
            until = context.now + np.where(early, 0.0, seconds)
            move = np.where(until > context.now + AT_ONCE, HOLD, arm)
            index = np.where(worth > -0.5 * LOST, worth, -np.inf)
        move = np.where(useless, GIVE_UP, move)
        eligible = context.available.copy()
        if wait is not None:
            eligible &= wait[:, :, 0] <= 0
        asked = wait is not None
        return self._entered(context, Action(move, until, index, eligible), arm, asked=asked)

    def _gain(self, context: Context, wait: Floats | None) -> tuple[Floats, Floats]:
        """(n, K) what an admission by each server is worth now, and (n,) V_k+1 without it."""
        shapes = self.quality.shapes(context.rows, context.now)
        mean = success = shapes[:, 0] / (shapes[:, 0] + shapes[:, 1])
        early = context.attempt < self.rules.free_attempts
        if (drawn := np.count_nonzero(early)) > 0:
            success = draw(self.sharpness * shapes, self.rng)
            if drawn < len(early):
                success = np.where(early[:, None], success, mean)
        worth = success if self.worth is None else self._worth(self.worth, context, early)
        certain, price = np.ones(1), np.zeros(1)
        if wait is not None:
            certain = self.capacity.trust(context.rows)
            paid = context.attempt > self.rules.free_attempts
            if np.count_nonzero(paid):
                refused = self.capacity.refused.take(context.rows)
                certain *= np.where(paid, 1.0 - refused, 1.0)[:, None]
            price = self.hurry * np.minimum(wait[:, :, -1], FAR)
        usual = mean if self.worth is None else worth
        later = value(usual * certain * context.available, price, context, self.rules)
        if self.worth is None:
            return certain * success * (1.0 - later)[:, None], later
        if not self.rules.rewards:  # a success is worth 1: both are the same chance
            success = worth
        return certain * (worth - success * later[:, None]), later

    def _worth(self, learnt: LinThompson, context: Context, early: Bools) -> Floats:
        """(n, K) the utility of an admitted attempt, drawn where exploring costs little."""
        x = request_features(context.rows, context.features)
        worth = learnt.utility.mean(context.rows, x)
        if np.count_nonzero(early):
            worth = np.where(early[:, None], learnt.index(context, x), worth)
        return np.clip(worth, LEAST_WORTH, 1.0)

    def _best_time(self, context: Context, wait: Floats, gain: Floats) -> tuple[Floats, Floats]:
        """(n, K) each: what the best attempt on each server is worth, in how many seconds.

        A server that is not open before the deadline is worth less than any that is.
        """
        left = self.time_left.seconds(context.rows, context.now, context.deadline)
        worths = LEVELS * gain[:, :, None] - self.hurry * self._charged(context, wait)
        worths[wait > left[:, None, None]] = -np.inf
        n, arms, levels = wait.shape
        best = worths.argmax(axis=2) + np.arange(0, n * arms * levels, levels).reshape(n, arms)
        worth, delay = worths.take(best), wait.take(best)
        lost = np.isneginf(worth)
        if np.count_nonzero(lost):
            soonest = np.minimum(wait[:, :, 0], FAR)
            worth = np.where(lost, LEVELS[0] * gain - self.hurry * soonest - LOST, worth)
            delay[lost] = 0.0
        return worth, delay

    def _charged(self, context: Context, wait: Floats) -> Floats:
        """(n, K, Q) seconds that are paid for: a request's own, and those of all held ones."""
        held = self.promises.held.take(context.rows)
        if not np.count_nonzero(held):
            return wait
        crowd, toll = self.crowd * held[:, None, None], self.toll * held[:, None, None]
        charged: Floats = (1.0 + crowd) * wait + (toll - crowd) * wait[:, :, :1]
        return charged

    def _longest_ago(self, context: Context, gain: Floats) -> Ints:
        """(n,) the server to ask before it is forecast to be open: whose refusal is longest ago."""
        ago = context.now[:, None] - self.capacity.refused_at(context.rows)
        hope = np.where(context.available, gain * np.minimum(ago, FAR), -np.inf)
        arm: Ints = hope.argmax(axis=1)
        return arm

    def _count_missed(self, context: Context, nothing: Bools) -> None:
        """How often new requests found nothing lately that is worth its wait."""
        new = (context.attempt == 1).nonzero()[0]
        if new.size:
            rows = context.rows.take(new)
            self.missed[rows] += RECENT * (nothing.take(new) - self.missed.take(rows))

    def _entered(self, context: Context, action: Action, arm: Ints, *, asked: bool) -> Action:
        """The action, once what is sent to ``arm`` (n,) and what is promised is noted.

        ``asked``: when servers admit these requests was asked just now.
        """
        action = given_up(context, action)
        rows, move, until = context.rows, action.arm, action.until
        assert until is not None
        on = (move != GIVE_UP).nonzero()[0]
        if not on.size:
            return action
        time, held = context.now, (move == HOLD).nonzero()[0]
        if held.size:
            mine = rows[held], context.request[held], arm[held]
            self.promises.give(*mine, until[held], time[held])
            time = np.where(move == HOLD, until, time)
        if on.size == rows.size:
            self.capacity.enter(rows, arm, time, context.size, asked=asked)
        else:
            some = rows[on], arm[on], time[on], context.size[on]
            self.capacity.enter(*some, asked=asked)
        return action


def _as_promised(arm: Ints, arms: int) -> Action:
    """Send n requests where they were promised to be sent; nothing was compared."""
    eligible = arm[:, None] == np.arange(arms)
    return Action(arm, None, np.full(eligible.shape, -np.inf), eligible)
