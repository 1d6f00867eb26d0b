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

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, given_up, stuck
from flaky_load_balancer.core.types import Action, Bools, Context, Feedback, Floats, Ints, Rules
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
        one, other = self._two(_candidates(context))
        each = np.arange(len(rows))
        arm = np.where(load[each, other] < load[each, one], other, one)
        drawn = np.zeros(load.shape, dtype=bool)
        drawn[each, one] = drawn[each, other] = True
        action = given_up(context, Action(arm, None, -load, drawn))
        sent = action.arm >= 0
        self.in_flight[rows[sent], action.arm[sent]] += 1
        return action

    def observe(self, feedback: Feedback) -> None:
        at = feedback.rows, feedback.arm
        self.in_flight[at] -= 1
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

    def _two(self, candidates: Bools) -> tuple[Ints, Ints]:
        """(n,) each: two different candidates in the order drawn; twice the same if only one."""
        key = np.where(candidates, self.rng.random(candidates.shape), -1.0)
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


def _candidates(context: Context) -> Bools:
    """(n, K) the untried servers that are available, or all of these where every one was tried."""
    candidates = ~context.tried & context.available
    none_left = stuck(candidates)
    candidates[none_left] = context.available[none_left]
    return candidates
