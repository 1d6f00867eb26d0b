"""Ridge regression that begins at a prior, and believes it as far as it foretells what happens.

    mean = ridge's + slope x^T A^-1 A_0 theta_pref,   A_0 = strength I

As published (Panda et al. 2025, arXiv 2508.21141) the slope is 1 for ever.  Cosines say who is
better and not by how much, and a prior may be wrong: here the slope is that of the regression of
values on what the prior foretold of them, between 0 and 1, and WEIGHT speaks for 1::

    slope = (sum (p - mean p)(r - mean r) + WEIGHT) / (sum (p - mean p)^2 + WEIGHT)
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from strategies.parts.ridge import Ridge

WEIGHT = 1.0


class PriorRidge(Ridge):
    """``first`` (lanes, d) is theta before anything was observed; 0 unless ``begin`` says so."""

    def __init__(
        self, replications: int, arms: int, d: int, *, doubted: bool = True, **options: float | bool
    ) -> None:
        super().__init__(replications, arms, d, **options)  # type: ignore[arg-type]
        self.doubted = doubted
        self.first: Floats = np.zeros((replications * arms, d))
        self.of_first: Floats = np.zeros((replications * arms, d))  # A^-1 A_0 first
        # Of n pairs of p, what the prior foretold, and r: n, sums of p, r, p p and p r.
        self.pairs: Floats = np.zeros((replications, 5))

    def begin(self, theta: Floats) -> None:
        """Believe ``theta`` (K, d) of the servers, as strongly as the ridge is."""
        self.first = np.tile(theta, (len(self.total), 1))
        self.of_first = self.first.copy()

    def slope(self, rows: Ints) -> Floats:
        """(n,) how far the prior is believed."""
        n, p, r, pp, pr = self.pairs.take(rows, 0).T
        if not self.doubted:
            return np.ones(len(rows))
        n = np.maximum(n, 1.0)
        slope: Floats = (pr - p * r / n + WEIGHT) / (pp - p * p / n + WEIGHT)
        return np.clip(slope, 0.0, 1.0)

    def mean(self, rows: Ints, x: Floats) -> Floats:
        first = self.of_first.reshape(-1, self.arms, self.d).take(rows, 0)
        foretold: Floats = np.einsum("nkd,nd->nk", first, x)
        return super().mean(rows, x) + self.slope(rows)[:, None] * foretold

    def learn(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None:
        lanes = rows * self.arms + arm
        foretold = np.einsum("nd,nd->n", self.first[lanes], x)
        ones = np.ones(len(rows))
        pairs = ones, foretold, value, foretold * foretold, foretold * value
        self.pairs[rows] = self.decay * self.pairs[rows] + np.stack(pairs, axis=1)
        super().learn(rows, arm, x, value)
        pull = self.strength * self.first[lanes]
        self.of_first[lanes] = np.einsum("nde,ne->nd", self.inverse[lanes], pull)
