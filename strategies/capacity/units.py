"""Whether limits are in requests, in tokens, or in both: which of the two an answer speaks of.

A refusal does not say which limit it is about.  So three hypotheses are scored by every answer,
as limiters are, and a refusal is held against a limit as far as the other one does not explain it.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints

REQUESTS, TOKENS = 0, 1
# Hypotheses: requests alone, tokens alone, both.  Columns: whether there is a limit of each unit.
THERE = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
DOUBT = 0.03  # the least chance of an answer, as of ``posterior``
MEMORY = 0.99  # of scores, per answer
SOFTNESS = 2.0  # of the hypotheses' weights, in points of the score
BLAMED = 0.5  # a limit is held responsible for a refusal that is at least so likely its own


class Units:
    """``score`` (R, 3) of the hypotheses; ``unit`` (R,) tokens that count as 1, NaN: no sizes."""

    def __init__(self, replications: int) -> None:
        self.score: Floats = np.zeros((replications, len(THERE)))
        self.unit: Floats = np.full(replications, np.nan)
        self.sized = False  # any size was ever known

    def relative(self, rows: Ints, size: Floats) -> Floats:
        """(n,) sizes in units; the first one of a fleet is the unit, unknown ones count as 1."""
        if len(size) == 1 and self.sized:  # as live: numbers are quicker than arrays
            of_one = size.item() / self.unit.item(rows.item())
            if of_one > 0:
                return np.array([of_one])
        known = np.flatnonzero(size > 0)
        if known.size:
            self.sized = True
            new = known[np.isnan(self.unit.take(rows.take(known)))]
            self.unit[rows[new]] = size[new]
        relative = size / self.unit.take(rows)
        return np.where(relative > 0, relative, 1.0)

    def there(self, rows: Ints) -> Floats:
        """(n, 2) how likely there is a limit in requests, in tokens."""
        score = self.score.take(rows, 0)
        weight = np.exp((score - score.max(axis=1, keepdims=True)) / SOFTNESS)
        weight[np.isnan(self.unit.take(rows))] = 1.0, 0.0, 0.0
        likely: Floats = weight @ THERE / weight.sum(axis=1, keepdims=True)
        return likely

    def learn(self, rows: Ints, admits: Floats, refused: Bools) -> None:
        """Attempts were refused or not that each unit's limit admits with a chance ``admits``."""
        p = np.where(THERE[None] > 0, admits[:, None, :], 1.0).prod(axis=2)
        happened = np.maximum(np.where(refused[:, None], 1.0 - p, p), DOUBT)
        self.score[rows] = MEMORY * self.score.take(rows, 0) + np.log(happened)
