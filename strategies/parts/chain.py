"""Servers that go up and down by a Markov chain of two states, whoever asks (Gilbert and Elliott).

What is known of a server is its *belief*, the chance that it is up.  Unwatched it returns to the
share of time that the server is up in the long run.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import REFUSED, SUCCEEDED

GOOD, BAD = (4.0, 1.0), (1.0, 9.0)  # Beta priors of success while up and while down
DOUBT = 0.2  # a belief below it is of a server that is down, one above 1 - it of one that is up
HALF = 0.5  # of a switch, before any was seen: half a switch in half of the usual time


def later(belief: Floats, seconds: Floats, falls: Floats, rises: Floats) -> Floats:
    """The belief after so many ``seconds`` in which nobody looked; rates are per second."""
    both = falls + rises
    share = rises / both
    moved: Floats = share + (belief - share) * np.exp(-both * np.maximum(seconds, 0.0))
    return moved


def whittle_index(belief: Floats, p01: Floats, p11: Floats) -> Floats:
    """The subsidy for leaving a server alone that makes it as good as an attempt; one shape.

    Per step, an attempt earns 1 where the server is up and tells which it is; a server that is
    down is up in the next step with ``p01``, one that is up with ``p11`` >= p01.

    Source: Liu and Zhao, IEEE Trans. Information Theory 56 (2010), theorem 2: average reward,
    positively correlated channels; L is the number of steps from down until a belief is reached.
    """
    step = p01 + belief * (p11 - p01)
    balance = p01 / (1.0 - p11 + p01)
    with np.errstate(divide="ignore", invalid="ignore"):
        passed = np.log1p(-belief / balance) / np.log(p11 - p01)
    steps = np.where((p01 < belief) & (belief < balance), np.floor(passed), 0.0)
    reached = balance * (1.0 - (p11 - p01) ** (steps + 1.0))  # from down, after L + 1 steps
    climb = belief - step
    low = (climb * (steps + 1.0) + reached) / (1.0 - p11 + climb * steps + reached)
    high = belief / (1.0 - p11 + belief)
    inside = np.where(belief < balance, low, high)
    return np.where((belief <= p01) | (belief >= p11), belief, inside)


class Chains:
    """Beliefs (R, K) of every server, and rates of its chain that are learnt from pairs of answers.

    Chances of success are learnt from answers weighed by the belief.  A server is taken to have
    switched once the belief has crossed from one side of doubt to the other, so that a failure by
    chance is no switch; pairs of switches that nobody saw are missed.
    """

    def __init__(self, shape: tuple[int, int], usual: float) -> None:
        self.belief: Floats = np.full(shape, 0.5)
        self.is_up = np.ones(shape, dtype=bool)  # as it last was without doubt
        self.seen_at: Floats = np.full(shape, np.nan)
        self.falls: Floats = np.full(shape, HALF)
        self.rises: Floats = np.full(shape, HALF)
        self.up: Floats = np.full(shape, HALF * usual)  # seconds
        self.down: Floats = np.full(shape, HALF * usual)
        self.good: Floats = np.broadcast_to(np.array(GOOD), (*shape, 2)).copy()
        self.bad: Floats = np.broadcast_to(np.array(BAD), (*shape, 2)).copy()

    def learn(self, feedback: Feedback) -> None:
        heard = np.flatnonzero(feedback.outcome < REFUSED)
        rows, arm, now = feedback.rows[heard], feedback.arm[heard], feedback.now[heard]
        at, lost = (rows, arm), (feedback.outcome[heard] != SUCCEEDED).astype(np.intp)
        seconds = np.nan_to_num(now - self.seen_at[at])
        rates = self.falls[at] / self.up[at], self.rises[at] / self.down[at]
        before = later(self.belief[at], seconds, *rates)
        up, down = (_share(table[at], lost) for table in (self.good, self.bad))
        belief = before * up / (before * up + (1.0 - before) * down)
        self.belief[at], self.seen_at[at] = belief, now
        self.good[(*at, lost)] += belief
        self.bad[(*at, lost)] += 1.0 - belief
        self._switch(at, belief, seconds)

    def _switch(self, at: tuple[Ints, Ints], belief: Floats, seconds: Floats) -> None:
        """Count the time since the answer before, and the switch that this one made certain."""
        was = self.is_up[at]
        self.up[at] += np.where(was, seconds, 0.0)
        self.down[at] += np.where(was, 0.0, seconds)
        self.falls[at] += was & (belief < DOUBT)
        self.rises[at] += ~was & (belief > 1.0 - DOUBT)
        self.is_up[at] = np.where(was, belief >= DOUBT, belief > 1.0 - DOUBT)

    def now(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) the beliefs at these times."""
        seconds = np.nan_to_num(now[:, None] - self.seen_at.take(rows, 0))
        return later(self.belief.take(rows, 0), seconds, *self.rates(rows))

    def rates(self, rows: Ints) -> tuple[Floats, Floats]:
        """(n, K) each: how often per second a server falls, and rises."""
        falls: Floats = self.falls.take(rows, 0) / self.up.take(rows, 0)
        rises: Floats = self.rises.take(rows, 0) / self.down.take(rows, 0)
        return falls, rises

    def success(self, rows: Ints) -> tuple[Floats, Floats]:
        """(n, K) each: the chance of success while up, and while down."""
        good, bad = self.good.take(rows, 0), self.bad.take(rows, 0)
        return good[..., 0] / good.sum(axis=-1), bad[..., 0] / bad.sum(axis=-1)


def _share(counts: Floats, lost: Ints) -> Floats:
    """(n,) the chance of the outcome that came, given successes and failures (n, 2)."""
    share: Floats = counts[np.arange(len(lost)), lost] / counts.sum(axis=1)
    return share
