"""Optimism in the face of uncertainty: an index of rate plus width, unattempted servers first."""

from collections.abc import Callable

import numpy as np

from flaky_load_balancer.strategy import best
from flaky_load_balancer.types import Action, Context, Floats, Ints
from strategies.parts.counts import SUCCEEDED, Counts, pulls

Width = Callable[[Floats], Floats]  # how much wider than 0: of ln(t) / n


class Optimism:
    """index = S / n + width(ln(t) / n), with t the attempts on all servers that ended.

    A server never attempted has an infinite index, so the first of them goes first; only while
    no attempt of the run has ended is the choice uniform.
    """

    def __init__(self, counts: Counts, width: Width, rng: np.random.Generator) -> None:
        self.counts, self.width, self.rng = counts, width, rng

    def choose(self, context: Context) -> Action:
        index, t = self._index(context.rows)
        if np.count_nonzero(t) < len(t):
            begin = np.flatnonzero(t == 0)
            index[begin] = self.rng.random((len(begin), index.shape[1]))
        return best(index, ~context.tried)

    def _index(self, rows: Ints) -> tuple[Floats, Floats]:
        ended = self.counts.of(rows)
        n = pulls(ended)
        t: Floats = np.add.reduce(n, 1)
        rate, width = self._rate_and_width(ended, n, t)
        index: Floats = rate + width
        index[n == 0] = np.inf
        return index, t

    def _rate_and_width(self, ended: Floats, n: Floats, t: Floats) -> tuple[Floats, Floats]:
        """Of every server, as if one never attempted had been attempted once."""
        once = np.maximum(n, 1.0)
        return ended[:, SUCCEEDED] / once, self.width(np.log(np.maximum(t, 1.0))[:, None] / once)

    def beliefs(self) -> dict[str, Floats]:
        """The rate, and rate +- width within [0, 1]; nothing is known of unattempted servers."""
        ended = self.counts.ended
        n = pulls(ended)
        rate, width = self._rate_and_width(ended, n, n.sum(axis=1))
        known = n > 0
        return {
            "mean": np.where(known, rate, 0.5),
            "low": np.where(known, np.maximum(rate - width, 0.0), 0.0),
            "high": np.where(known, np.minimum(rate + width, 1.0), 1.0),
        }
