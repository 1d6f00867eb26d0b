"""How good each server is, and whether that has changed.

Successes and failures since the server's last change make a Beta posterior; refusals teach nothing.
Change is what a generalised likelihood ratio tells (Besson et al., arXiv 1902.01575), between the
recent outcomes, over memories of several lengths, and all outcomes before them::

    n' kl(s'/n', s/n) + (n - n') kl((s - s')/(n - n'), s/n) > ALARM

Then all but the recent ones is forgotten.  A server that changed once may change again, also while
nobody looks: from then on what is known of it fades with time, so that it is tried now and then.
"""

import numpy as np
from scipy.special import xlogy

from flaky_load_balancer.types import Feedback, Floats, Ints
from strategies.parts.beta import beliefs
from strategies.parts.counts import REFUSED, SUCCEEDED

MEMORIES = 1.0 - 1.0 / np.array([4.0, 12.0, 40.0])
ALARM = 5.5
FADING = 10.0  # seconds


class Quality:
    """``counts`` (lanes, 2): successes and failures; ``recent`` (lanes, memories, 2) of them."""

    def __init__(self, replications: int, arms: int, a: float, b: float) -> None:
        self.arms, lanes = arms, replications * arms
        self.prior = np.array([a, b])
        self.counts: Floats = np.zeros((lanes, 2))
        self.recent: Floats = np.zeros((lanes, len(MEMORIES), 2))
        self.fades: Floats = np.zeros(lanes)  # per second
        self.heard_at: Floats = np.zeros(lanes)

    def learn(self, feedback: Feedback) -> None:
        """Attempts ended."""
        heard = np.flatnonzero(feedback.outcome < REFUSED)
        if not heard.size:
            return
        lane = feedback.rows[heard] * self.arms + feedback.arm[heard]
        now, won = feedback.now[heard], feedback.outcome[heard] == SUCCEEDED
        new = np.empty((len(lane), 2))
        new[:, 0], new[:, 1] = won, ~won
        kept = self._kept(lane, now)[:, None]
        counts = self.counts[lane] * kept + new
        recent = self.recent[lane] * (kept[:, :, None] * MEMORIES[:, None]) + new[:, None, :]
        self._alarm(lane, counts, recent)
        self.counts[lane], self.recent[lane], self.heard_at[lane] = counts, recent, now

    def shapes(self, rows: Ints, now: Floats) -> Floats:
        """(n, 2, K) the a and b of every posterior."""
        lane = rows[:, None] * self.arms + np.arange(self.arms)
        kept = self._kept(lane, now[:, None])
        shapes: Floats = np.moveaxis(self.counts[lane] * kept[..., None] + self.prior, 2, 1)
        return shapes

    def beliefs(self, rows: Ints, now: Floats) -> dict[str, Floats]:
        return beliefs(self.shapes(rows, now))

    def _kept(self, lane: Ints, now: Floats) -> Floats:
        fades = self.fades[lane]
        if not np.count_nonzero(fades):
            return np.ones(fades.shape)
        return np.exp(-fades * np.maximum(now - self.heard_at[lane], 0.0))

    def _alarm(self, lane: Ints, counts: Floats, recent: Floats) -> None:
        """Forget what was before a change, in place."""
        older = np.maximum(counts[:, None, :] - recent, 0.0)
        ratio = _fit(recent) + _fit(older) - _fit(counts)[:, None]
        scale = ratio.argmax(axis=1)
        changed = np.flatnonzero(ratio[np.arange(len(lane)), scale] > ALARM)
        if changed.size:
            left = recent[changed, scale[changed]]
            counts[changed] = left
            recent[changed] = np.minimum(recent[changed], left[:, None, :])
            self.fades[lane[changed]] = 1.0 / FADING


def _fit(counts: Floats) -> Floats:
    """The largest log-likelihood of successes and failures, the last axis of ``counts``."""
    fit: Floats = xlogy(counts, counts).sum(axis=-1)
    total = counts.sum(axis=-1)
    fit -= xlogy(total, total)
    return fit
