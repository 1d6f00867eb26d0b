"""How soon after its last admissions a server admits again, learnt from every answer.

For each count L of ``COUNTS`` there is a hypothesis: a server admits an attempt once its L-th last
admission is W seconds old.  L = 1 is a token bucket of burst 1, and a sliding window is just this;
a fixed window keeps to it as well, though it could bear twice as much in a burst, and so does a
deep bucket that is empty.  W lies somewhere between ``low`` and ``high``, evenly in its logarithm::

    chance(age) = log(age / low) / log(high / low), cut to [0, 1]

    admitted:  high = min(high, age), low below it;   refused:  low = max(low, age), high above it
    fit <- MEMORY fit + log(chance of what happened, at least DOUBT)

The hypothesis with the best fit speaks.  Evidence goes stale: both ends move apart with time,
slower for longer W.  And an estimate that nobody tests never falls, so where a server is used as
fast as it is believed to admit, ``high`` shrinks by a factor e^-(t / growth)^3, t the time since
its last refusal: hardly at first, then boldly (the shape is CUBIC's, RFC 9438: growth with time,
not with successes, finds a limit again that has moved).
"""

import numpy as np

from flaky_load_balancer.types import Bools, Floats, Ints

COUNTS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48])
SHORTEST, LONGEST = 1e-4, 1e2  # seconds: what W may be
DOUBT = 0.02  # of every hypothesis: answers that it excludes happen
MEMORY = 0.95
LEAP = 1.3  # how far beyond its old end an interval moves that was contradicted
SLOWEST = 0.5  # at most this much of log(high) is grown at once
SIMPLER = 0.05  # fit that every further count must earn


class Spacing:
    """Intervals ``low``, ``high`` and ``fit`` (R, K, H); all ages in seconds."""

    def __init__(self, replications: int, arms: int, *, drift: float, growth: float) -> None:
        self.drift, self.growth = drift, growth
        shape = replications, arms, len(COUNTS)
        self.low: Floats = np.full(shape, SHORTEST)
        self.high: Floats = np.full(shape, LONGEST)
        self.fit: Floats = np.zeros(shape) - SIMPLER * np.arange(len(COUNTS))
        self.best = np.zeros(shape[:2], dtype=np.intp)
        self.heard_at: Floats = np.zeros(shape[:2])
        self.refused_at: Floats = np.full(shape[:2], -np.inf)

    def learn(self, rows: Ints, arm: Ints, sent: Floats, age: Floats, refused: Bools) -> Floats:
        """Attempts were sent at ages (n, H); (n,) the chance that each was given."""
        at = rows, arm
        rest = np.maximum(sent - self.heard_at[at], 0.0)[:, None]
        low, high = self._stale(self.low[at], self.high[at], rest)
        p = chance(age, low, high)
        no = refused[:, None]
        likely = np.maximum(np.where(no, 1.0 - p, p), DOUBT)
        expected: Floats = p[np.arange(len(rows)), self.best[at]]
        self.fit[at] = MEMORY * self.fit[at] + np.log(likely)
        self.best[at] = self.fit[at].argmax(axis=1)
        high_if = np.minimum(high, age) * self._growth(at, sent, rest, age < 1.2 * high)
        high_if = np.maximum(high_if, 2 * SHORTEST)
        low_if = np.where(age < np.inf, np.maximum(low, np.minimum(age, LONGEST / 2)), low)
        self.low[at] = np.where(no, low_if, np.minimum(low, high_if / LEAP))
        self.high[at] = np.where(no, np.maximum(high, low_if * LEAP), high_if)
        self.heard_at[at] = sent
        self.refused_at[rows[refused], arm[refused]] = sent[refused]
        return expected

    def interval(self, rows: Ints, arm: Ints, now: Floats) -> tuple[Ints, Floats, Floats]:
        """The count, ``low`` and ``high`` that hold now; all of the same shape as ``arm``."""
        best = self.best[rows, arm]
        at = rows, arm, best
        rest = np.maximum(now - self.heard_at[rows, arm], 0.0)
        return COUNTS[best], *self._stale(self.low[at], self.high[at], rest)

    def _stale(self, low: Floats, high: Floats, rest: Floats) -> tuple[Floats, Floats]:
        factor = np.exp(np.minimum(rest / (self.drift * (1.0 + high)), 3.0))
        return np.maximum(low / factor, SHORTEST), np.minimum(high * factor, LONGEST)

    def _growth(self, at: tuple[Ints, Ints], sent: Floats, rest: Floats, tested: Bools) -> Floats:
        """(n, H) by what factor ``high`` shrinks."""
        since = np.minimum(sent - self.refused_at[at], 1e6)[:, None] / self.growth
        before = np.maximum(since - rest / self.growth, 0.0)
        factor: Floats = np.exp(-np.minimum(since**3 - before**3, SLOWEST) * tested)
        return factor


def chance(age: Floats, low: Floats, high: Floats) -> Floats:
    """The chance that W is at most this age."""
    share = np.log(np.maximum(age, SHORTEST) / low) / np.log(high / low)
    p: Floats = np.clip(share, 0.0, 1.0)
    return p
