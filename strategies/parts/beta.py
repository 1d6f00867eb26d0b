"""Beta posteriors of each server's chance of success (Thompson 1933).

A server that succeeded S times and failed F times has the posterior Beta(a + S, b + F), where
Beta(a, b) is the prior; a = b = 1 is the uniform one.
"""

import numpy as np
from scipy.special import betaincinv

from flaky_load_balancer.core.types import Floats, Ints
from strategies.parts.counts import FAILED, REFUSED, SUCCEEDED, Counts
from strategies.parts.numbers import require

MEANS = slice(SUCCEEDED, FAILED + 1)  # the rows of Counts that are evidence about quality


class BetaPosterior:
    """Posteriors read from ``Counts``; what a refusal teaches is the strategy's choice."""

    def __init__(self, counts: Counts, a: float, b: float, *, refusals_fail: bool) -> None:
        self.counts = counts
        self.prior = np.repeat(
            [[float(a)], [float(b)]], counts.ended.shape[2], axis=1
        )  # added quicker than one
        self.refusals_fail = refusals_fail

    def shapes(self, rows: Ints) -> Floats:
        """(n, 2, K) the a and b of every posterior."""
        if len(rows) == 1:  # as live: numpy adds quicker with fewer axes
            return self._shapes(self.counts.ended[rows.item()])[None]
        return self._shapes(self.counts.of(rows))

    def draw(self, rows: Ints, rng: np.random.Generator) -> Floats:
        return draw(self.shapes(rows), rng)

    def beliefs(self) -> dict[str, Floats]:
        return beliefs(self._shapes(self.counts.ended))

    def _shapes(self, ended: Floats) -> Floats:
        shapes: Floats = ended[..., MEANS, :] + self.prior
        if self.refusals_fail:
            shapes[..., 1, :] += ended[..., REFUSED, :]
        return shapes


def require_prior(a: float, b: float) -> None:
    """Refuse priors so small that both gammas of a draw could round to zero."""
    require("a", a, least=0.1)
    require("b", b, least=0.1)


def draw(shapes: Floats, rng: np.random.Generator) -> Floats:
    """(n, K) one draw from every Beta(a, b), given ``shapes`` (n, 2, K).

    Beta(a, b) = X / (X + Y) with X of Gamma(a) and Y of Gamma(b).  For ten servers this takes
    two thirds of the time of ``rng.beta``, most of which is spent on checking its arguments.
    """
    if len(shapes) == 1:  # as live: numpy is quicker with fewer axes
        x, y = rng.standard_gamma(shapes[0])
        drawn: Floats = (x / (x + y))[None]
        return drawn
    gamma = rng.standard_gamma(shapes)
    x = gamma[:, 0]
    return x / (x + gamma[:, 1])


def beliefs(shapes: Floats) -> dict[str, Floats]:
    """Mean and central 95 % interval of every Beta(a, b), given ``shapes`` (R, 2, K).

    Of many servers most are believed to be like others: each interval is computed once.
    """
    a, b = shapes[:, 0], shapes[:, 1]
    kinds, which = np.unique(a + 1j * b, return_inverse=True)
    low, high = (
        betaincinv(kinds.real, kinds.imag, level).astype(np.float64)[which].reshape(a.shape)
        for level in (0.025, 0.975)
    )
    return {"mean": a / (a + b), "low": low, "high": high}
