"""How far a model is believed: as far as it has foretold values before these were learnt.

Source: Dawid 1984, "Statistical theory: the prequential approach".  What is judged is the part p
that a larger model adds to a smaller one.  Belief is the slope of the regression, through 0, of
what the smaller one left unexplained (e) on p, over all values of a replication, with a prior that
counts as much as TRUST of squares of p and says ``first``, 0 or 1::

    belief = (sum p e + first TRUST) / (sum p^2 + TRUST), between 0 and 1

So of two models the larger one is used where it turns out to know more, and else does no harm.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

TRUST = 2.0


class Belief:
    """Of R replications."""

    def __init__(self, replications: int, *, first: float, decay: float = 1.0) -> None:
        self.first, self.decay = first, decay
        self.foretold: Floats = np.zeros((replications, 2))  # sums of p e and of p^2

    def of(self, rows: Ints) -> Floats:
        """(n,) how far the larger model is believed, from 0 to 1."""
        together, squares = self.foretold.take(rows, 0).T
        belief: Floats = np.clip((together + self.first * TRUST) / (squares + TRUST), 0.0, 1.0)
        return belief

    def of_one(self, row: int) -> float:
        """As ``of`` for one replication, as live."""
        together, squares = self.foretold[row].tolist()
        return float(min(max((together + self.first * TRUST) / (squares + TRUST), 0.0), 1.0))

    def judge(self, rows: Ints, p: Floats, e: Floats) -> None:
        """The larger model foretold ``p`` (n,) where it turned out to be ``e`` (n,)."""
        self.foretold[rows] *= self.decay
        self.foretold[rows] += np.stack((p * e, p * p), axis=1)
