"""How likely each limiter is: all servers of a fleet together say so.

The score of a limiter is the logarithm of how likely it made the answers, of all servers.  The
likeliest few are averaged, since the best one alone is wrong too often to be obeyed.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity.limiters import FIRST_SLIDING, LIMITERS, PERIOD

# Points for each doubling of a window's length: 1 and 2 differed from 0.4 by noise (decision 7).
LONGER = 0.7
SHORT = 0.2  # seconds: windows shorter than this are no likelier than it
DOUBT = 0.03  # the least chance of any answer, under any limiter: x 0.5 and x 2 in decision 17
# How well a limiter explains answers of which it is not sure, to the best one; with a constant 0.3
# in place of the share, windows were found too late (decision 7).
UNSURE = 0.95
MEMORY = 0.995  # of scores, per answer; 1 gives T3-tide 0.33 instead of 0.28 (decision 7)
LEAD = 1.0  # by which another limiter must lead to become the best; 3 is no different (decision 7)
# Limiters that are averaged; 1 gives 0.45 for 0.27 on windows that jump, 3 half a point less on T2
# at 100 requests and 4 % of the time (decision 7).
LIKELY = 4
SOFTNESS = 4.0  # of their weights, in points of the score; 8 gives 0.36 for 0.27 (decision 7)

_DOUBLINGS = np.log2(np.maximum(PERIOD, SHORT))
PRIOR = -LONGER * np.where(np.arange(LIMITERS) < FIRST_SLIDING, 0.0, _DOUBLINGS)


class Posterior:
    """``best`` (R,) is the likeliest limiter; ``likely`` and ``weight`` (R, LIKELY) the first."""

    def __init__(self, replications: int) -> None:
        self.score: Floats = np.zeros((replications, LIMITERS))
        self.best = np.zeros(replications, dtype=np.intp)
        self.likely = np.zeros((replications, LIKELY), dtype=np.intp)
        self.weight: Floats = np.zeros((replications, LIKELY))
        self.weight[:, 0] = 1.0

    def learn(
        self, rows: Ints, p: Floats, sure: Bools, refused: Bools, others: Floats | None
    ) -> None:
        """Admissions that had the chances ``p`` (n, LIMITERS) were refused or not.

        ``others`` (n,) is the chance that no other limit of the server refused.
        """
        admitted = p if others is None else p * others[:, None]
        happened = np.maximum(np.where(refused[:, None], 1.0 - admitted, p), DOUBT)
        best = happened[np.arange(len(rows)), self.best.take(rows)]
        happened = np.where(sure, happened, UNSURE * best[:, None])
        self.score[rows] = MEMORY * self.score.take(rows, 0) + np.log(happened)

    def rank(self, rows: Ints) -> Ints:
        """Find the likeliest limiters anew; the rows in which another one is the best now."""
        score = self.score.take(rows, 0) + PRIOR
        each, old = np.arange(len(rows)), self.best.take(rows)
        now = score[each, old]
        likely, theirs = np.empty((2, len(rows), LIKELY))
        for rank in range(LIKELY):
            top = score.argmax(axis=1)
            likely[:, rank], theirs[:, rank] = top, score[each, top]
            score[each, top] = -np.inf
        weight = np.exp((theirs - theirs[:, :1]) / SOFTNESS)
        self.likely[rows], self.weight[rows] = likely, weight / weight.sum(axis=1)[:, None]
        changed = np.flatnonzero(theirs[:, 0] > now + LEAD)
        self.best[rows[changed]] = likely[changed, 0]
        changed_rows: Ints = rows[changed]
        return changed_rows
