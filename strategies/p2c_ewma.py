"""p2c-ewma: the less loaded of two random servers, where failing counts as being slow.

The production baseline to beat.  Two random choices already avoid the herd that always picking
the least loaded makes (Mitzenmacher 2001); the load is a latency that jumps to a peak at once and
decays slowly, times the requests in flight.  A fast refusal would look attractive, so linkerd's
load biaser records a failure as seconds of latency.

Source: linkerd2-proxy (``load-biaser``, tower's ``PeakEwma``), with one difference: it records
the elapsed time of transport errors, here every failure is penalised.

    load = w e^(-age / decay) x (in flight + 1), age = time since w was set
    an attempt ends with sample x:  w = x if x > w' else w' + x (1 - e^(-age / decay)),
                                    w' = w e^(-age / decay)
    x = latency of a success, time elapsed of a cancelled attempt, else
        max(penalty, w', Retry-After up to ``retry_after_most`` if refused)

The index it shows is minus the load; eligible are the one or two servers that were drawn.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, candidates, given_up
from flaky_load_balancer.core.types import (
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Rules,
    Sent,
)
from strategies.parts.counts import FAILED, REFUSED
from strategies.parts.numbers import require
from strategies.parts.stopwatch import Stopwatch


@dataclass
class P2cEwma(Strategy):
    """Take the less loaded of two untried servers drawn at random."""

    first: float = 0.03  # seconds: w before anything was measured
    decay: float = 10.0  # seconds
    penalty: float = 5.0  # seconds
    retry_after_most: float = 300.0  # seconds

    transient: ClassVar = ("in_flight",)

    def __post_init__(self) -> None:
        require("first", self.first, above=0)
        require("decay", self.decay, above=0)
        require("penalty", self.penalty, least=0)
        require("retry_after_most", self.retry_after_most, least=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        shape = replications, rules.arms
        self.rng = rng
        self.watch = Stopwatch(replications)
        self.value: Floats = np.full(shape, self.first)
        self.set_at: Floats = np.zeros(shape)  # on the stopwatch
        self.in_flight: Floats = np.zeros(shape)

    def select(self, context: Context) -> Action:
        rows = context.rows
        load = self._load(rows, self.watch.elapsed(rows, context.now))
        among = candidates(context)
        one, other = self._two(among)
        each = np.arange(len(rows))
        arm = np.where(load[each, other] < load[each, one], other, one)
        drawn = np.zeros(load.shape, dtype=bool)
        drawn[each, one] = drawn[each, other] = True
        action = given_up(context, Action(arm, None, -load, drawn, _probability(load, among, arm)))
        sent = action.arm >= 0
        self.in_flight[rows[sent], action.arm[sent]] += 1
        return action

    def note(self, sent: Sent) -> None:
        """What a replica sends is in flight until it ends, as what is sent here is."""
        now = np.flatnonzero(~sent.promised)
        self.in_flight[sent.rows[now], sent.arm[now]] += 1

    def observe(self, feedback: Feedback) -> None:
        at = feedback.rows, feedback.arm
        self.in_flight[at] = np.maximum(self.in_flight[at] - 1, 0.0)
        now = self.watch.elapsed(feedback.rows, feedback.now)
        kept = np.exp(np.minimum(self.set_at[at] - now, 0.0) / self.decay)
        decayed = self.value[at] * kept
        sample = self._sample(feedback, decayed)
        self.value[at] = np.where(sample > decayed, sample, decayed + sample * (1.0 - kept))
        self.set_at[at] = now

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        load = self._load(np.arange(len(now)), self.watch.peek(now))
        return {"load": load, "in_flight": self.in_flight.copy()}

    def _load(self, rows: Ints, elapsed: Floats) -> Floats:
        age = elapsed[:, None] - self.set_at.take(rows, 0)
        kept: Floats = np.exp(np.maximum(age, 0.0) / -self.decay)
        return self.value.take(rows, 0) * kept * (self.in_flight.take(rows, 0) + 1.0)

    def _two(self, among: Bools) -> tuple[Ints, Ints]:
        """(n,) each: two different candidates in the order drawn; twice the same if only one."""
        key = np.where(among, self.rng.random(among.shape), -1.0)
        each = np.arange(len(key))
        one = key.argmax(axis=1)
        key[each, one] = -1.0
        other = key.argmax(axis=1)
        return one, np.where(key[each, other] < 0, one, other)

    def _sample(self, feedback: Feedback, decayed: Floats) -> Floats:
        """(n,) seconds: what each outcome is recorded as."""
        refused = feedback.outcome == REFUSED
        asked = np.minimum(feedback.retry_after, self.retry_after_most)
        bad = np.maximum(self.penalty, decayed)
        bad = np.where(refused, np.fmax(bad, asked), bad)
        return np.where(refused | (feedback.outcome == FAILED), bad, feedback.latency)


def _probability(load: Floats, among: Bools, arm: Ints) -> Floats:
    """(n,) how likely a server was to be drawn first or second, and to win.

    It wins against candidates with more load, and half of the time, drawn first, with as much.
    """
    own = load[np.arange(len(arm)), arm][:, None]
    beaten = np.count_nonzero(among & (load > own), axis=1)
    tied = np.count_nonzero(among & (load == own), axis=1) - 1.0
    count = np.count_nonzero(among, axis=1)
    pairs = np.maximum(count * (count - 1.0), 1.0)
    return np.where(count > 1, (2.0 * beaten + tied) / pairs, 1.0)
