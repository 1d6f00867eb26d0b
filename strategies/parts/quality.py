"""How good each server is, and whether that has changed.

Successes and failures since the server's last change make a Beta posterior; refusals teach nothing.
Change is what a generalised likelihood ratio tells (Besson et al., arXiv 1902.01575), between the
recent outcomes, over memories of several lengths, and all outcomes before them::

    n' kl(s'/n', s/n) + (n - n') kl((s - s')/(n - n'), s/n) > ALARM

Then all but the recent ones is forgotten.  A server that changed once may change again, also while
nobody looks: from then on what is known of it fades with time, so that it is tried now and then.
"""

from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.beta import beliefs
from strategies.parts.counts import REFUSED, SUCCEEDED
from strategies.parts.likelihood import fit

MEMORIES = 1.0 - 1.0 / np.array([4.0, 12.0, 40.0])
ALARM = 5.5
FADING = 10.0  # seconds
_FIRST = np.zeros(1, dtype=np.intp)


class Quality:
    """``counts`` (lanes, 2): successes and failures; ``recent`` (lanes, memories, 2) of them."""

    transient: ClassVar = ("alarms",)

    def __init__(self, replications: int, arms: int, a: float, b: float) -> None:
        self.arms, lanes = arms, replications * arms
        self.prior = np.array([a, b])
        self.counts: Floats = np.zeros((lanes, 2))
        self.recent: Floats = np.zeros((lanes, len(MEMORIES), 2))
        self.fades: Floats = np.zeros(lanes)  # per second
        self.heard_at: Floats = np.zeros(lanes)
        self.alarms: Floats = np.zeros(lanes)
        self.changed = False  # any of them, ever

    def learn(self, feedback: Feedback) -> None:
        """Attempts ended."""
        heard = (feedback.outcome < REFUSED).nonzero()[0]
        if not heard.size:
            return
        if len(feedback.rows) == 1:
            place = feedback.rows.item() * self.arms + feedback.arm.item()
            self._learn_one(place, feedback.now, won=feedback.outcome.item() == SUCCEEDED)
            return
        lane = feedback.rows[heard] * self.arms + feedback.arm[heard]
        now, won = feedback.now[heard], feedback.outcome[heard] == SUCCEEDED
        new = np.empty((len(lane), 2))
        new[:, 0], new[:, 1] = won, ~won
        counts, recent = self.counts.take(lane, 0), self.recent.take(lane, 0)
        if self.changed:
            kept = _kept(self.fades.take(lane), now - self.heard_at.take(lane))[:, None]
            counts, recent = counts * kept, recent * kept[:, :, None]
        surprising = (won == (counts[:, 0] < counts[:, 1])).nonzero()[0]
        counts += new
        recent = recent * MEMORIES[:, None] + new[:, None, :]
        if surprising.size:
            self._alarm(lane, counts, recent, surprising)
        self.counts[lane], self.recent[lane], self.heard_at[lane] = counts, recent, now

    def shapes(self, rows: Ints, now: Floats) -> Floats:
        """(n, 2, K) the a and b of every posterior."""
        counts = self.counts.reshape(-1, self.arms, 2).take(rows, 0)
        if self.changed:
            fades, heard_at = (
                each.reshape(-1, self.arms).take(rows, 0) for each in (self.fades, self.heard_at)
            )
            counts *= _kept(fades, now[:, None] - heard_at)[..., None]
        shapes: Floats = (counts + self.prior).transpose(0, 2, 1)
        return shapes

    def beliefs(self, rows: Ints, now: Floats) -> dict[str, Floats]:
        return beliefs(self.shapes(rows, now))

    def _learn_one(self, lane: int, now: Floats, *, won: bool) -> None:
        """The same for a single attempt, as live: numbers are quicker than arrays."""
        counts, recent, here = self.counts[lane], self.recent[lane], slice(lane, lane + 1)
        if self.changed:
            kept = _kept(self.fades[here], now - self.heard_at[here])
            counts *= kept
            recent *= kept
        surprising = won == (counts.item(0) < counts.item(1))
        recent *= MEMORIES[:, None]
        counts[1 - won] += 1.0
        recent[:, 1 - won] += 1.0
        if surprising:
            self._alarm(np.array([lane]), counts[None], recent[None], _FIRST)
        self.heard_at[lane] = now.item()

    def _alarm(self, lane: Ints, counts: Floats, recent: Floats, some: Ints) -> None:
        """Forget what was before a change, in place; only what surprises can tell of one."""
        every, latest = counts.take(some, 0), recent.take(some, 0)
        older = np.maximum(every[:, None, :] - latest, 0.0)
        ratio = fit(latest) + fit(older) - fit(every)[:, None]
        scale = ratio.argmax(axis=1)
        alarmed = np.flatnonzero(ratio[np.arange(len(some)), scale] > ALARM)
        if alarmed.size:
            changed, left = some[alarmed], latest[alarmed, scale[alarmed]]
            counts[changed] = left
            recent[changed] = np.minimum(latest[alarmed], left[:, None, :])
            self.fades[lane[changed]] = 1.0 / FADING
            self.alarms[lane[changed]] += 1.0
            self.changed = True


def _kept(fades: Floats, passed: Floats) -> Floats:
    """The share of what was known that is left after so many seconds."""
    kept: Floats = np.exp(-fades * np.maximum(passed, 0.0))
    return kept
