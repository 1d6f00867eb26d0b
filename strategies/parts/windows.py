"""Fixed windows: whether all servers of a fleet count by the same windows, and how long these are.

Servers of one kind mostly have one length of window, whatever their limits are, so all refusals of
a run together tell what it is.  Windows are taken to start with the run's first attempt.  Each
length W of ``LENGTHS``, such as people choose, is a hypothesis about the attempt that follows a
refusal of the same server: if a new window has begun in between it is admitted with chance
``FRESH``, else with chance ``DOUBT``.

    score_W <- MEMORY score_W + log(P_W(answer) / P(answer)), P the spacing's forecast

So windows must explain answers better than spacings do, by ``SURE``, before they are believed.  Of
lengths that explain nearly as much, the shortest is believed: it is the one that is soon
contradicted if it is wrong, whereas multiples of the right one are never tested again.
"""

import numpy as np

from flaky_load_balancer.types import Bools, Floats, Ints

_ROUND = np.array([1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8, 9])
LENGTHS = np.array([0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.8, *_ROUND, *10 * _ROUND, 100, 120])
FRESH, DOUBT = 0.8, 0.03
MEMORY = 0.99
SURE = 4.0  # as the logarithm of odds
NEARLY = 1.5
SLACK = 1e-9  # windows: a boundary must not be missed for a rounded last digit


class Windows:
    """``length`` (R,) seconds, NaN where none is believed; ``origin`` (R,) when windows began."""

    def __init__(self, replications: int, arms: int) -> None:
        self.origin: Floats = np.full(replications, np.nan)
        self.length: Floats = np.full(replications, np.nan)
        self.score: Floats = np.zeros((replications, len(LENGTHS)))
        self.refused_at: Floats = np.full((replications, arms), np.nan)  # and not admitted since

    def begin(self, rows: Ints, now: Floats) -> None:
        """Something is sent: the first time ever, perhaps."""
        self.origin[rows] = np.fmin(self.origin[rows], now)

    def number(self, rows: Ints, time: Floats) -> Floats:
        """(n,) in which window each time is; NaN without windows."""
        number: Floats = np.floor((time - self.origin[rows]) / self.length[rows] + SLACK)
        return number

    def start(self, rows: Ints, number: Floats) -> Floats:
        """(n,) when a window begins."""
        start: Floats = self.origin[rows] + number * self.length[rows]
        return start

    def learn(self, rows: Ints, arm: Ints, sent: Floats, refused: Bools, expected: Floats) -> Ints:
        """Attempts were answered; (m,) the rows whose length is another one now."""
        before = self.refused_at[rows, arm]
        self.refused_at[rows, arm] = np.where(refused, sent, np.nan)
        again = np.flatnonzero(before < sent)
        if not again.size:
            return again
        rows, refused, sent = rows[again], refused[again], sent[again]
        begun = self._begun(rows, before[again], sent)
        self._weigh(rows, begun, refused, np.clip(expected[again], 0.1, 0.9))
        return self._believe(rows)

    def _begun(self, rows: Ints, before: Floats, after: Floats) -> Bools:
        """(n, G) whether a window of each length began between two times."""
        origin = self.origin[rows]
        first = np.floor((before - origin)[:, None] / LENGTHS + SLACK)
        begun: Bools = np.floor((after - origin)[:, None] / LENGTHS + SLACK) > first
        return begun

    def _weigh(self, rows: Ints, begun: Bools, refused: Bools, expected: Floats) -> None:
        admitted = np.where(begun, FRESH, DOUBT)
        no = refused[:, None]
        theirs = np.where(no, 1.0 - admitted, admitted)
        ours = np.where(refused, 1.0 - expected, expected)
        self.score[rows] = MEMORY * self.score[rows] + np.log(theirs / ours[:, None])

    def _believe(self, rows: Ints) -> Ints:
        score, old = self.score[rows], self.length[rows]
        top = score.max(axis=1)
        shortest = (score >= top[:, None] - NEARLY).argmax(axis=1)
        believed = top > np.where(np.isnan(old), SURE, 0.0)
        new = np.where(believed, LENGTHS[shortest], np.nan)
        self.length[rows] = new
        changed = (new != old) & ~(np.isnan(new) & np.isnan(old))
        return rows.compress(changed)
