"""Optimism in the face of uncertainty: rank by the most that a rate may be."""

from collections.abc import Callable
from functools import partial

import numpy as np

from flaky_load_balancer.core.strategy import best, candidates, uniform
from flaky_load_balancer.core.types import Action, Context, Floats, Ints
from strategies.parts.counts import SUCCEEDED, Counts, pulls
from strategies.parts.kl import kl_upper

Bound = Callable[[Floats, Floats, Floats], Floats]  # the most that a rate may be
BOUNDS = "hoeffding", "kl"


def upper(kind: str, width: float) -> Bound:
    """One of ``BOUNDS``: rate + sqrt(width ln t / n), or that of ``kl-ucb``, of kl <= ln t / n."""
    return _kl if kind == "kl" else partial(_hoeffding, width)


def _hoeffding(width: float, rate: Floats, log_t: Floats, n: Floats) -> Floats:
    return rate + np.sqrt(width * log_t / n)


def _kl(rate: Floats, log_t: Floats, n: Floats) -> Floats:
    return kl_upper(rate, log_t / n)


class Optimism:
    """index = bound(S / n, ln t, n), with t the attempts on all servers that ended.

    A server never attempted has an infinite index, so the first of them goes first; only while
    no attempt of the run has ended is the choice uniform.  ``bound`` is given rates and n (m, K),
    and ln t (m, 1).
    """

    def __init__(self, counts: Counts, bound: Bound, rng: np.random.Generator) -> None:
        self.counts, self.bound, self.rng = counts, bound, rng

    def choose(self, context: Context) -> Action:
        index, t = self.index(context.rows)
        chance: Floats | float = 1.0
        if np.count_nonzero(t) < len(t):
            begin = np.flatnonzero(t == 0)
            index[begin] = self.rng.random((len(begin), index.shape[1]))
            chance = np.where(t == 0, uniform(candidates(context)), 1.0)
        return best(context, index, probability=chance)

    def index(self, rows: Ints) -> tuple[Floats, Floats]:
        """(n, K) the bounds, infinite for servers never attempted, and (n,) t."""
        ended = self.counts.of(rows)
        n = pulls(ended)
        t: Floats = np.add.reduce(n, 1)
        index = self.bound(*_evidence(ended, n, t))
        index[n == 0] = np.inf
        return index, t

    def beliefs(self) -> dict[str, Floats]:
        """The rate, and what it may be within [0, 1]; nothing is known of unattempted servers.

        The least that successes may be leaves the most that failures may be.
        """
        ended = self.counts.ended
        n = pulls(ended)
        rate, *evidence = _evidence(ended, n, n.sum(axis=1))
        failing = self.bound(1.0 - rate, *evidence)
        known = n > 0
        return {
            "mean": np.where(known, rate, 0.5),
            "low": np.where(known, np.clip(1.0 - failing, 0.0, rate), 0.0),
            "high": np.where(known, np.minimum(self.bound(rate, *evidence), 1.0), 1.0),
        }


def _evidence(ended: Floats, n: Floats, t: Floats) -> tuple[Floats, Floats, Floats]:
    """Rate, ln t and n of every server, as if one never attempted had been attempted once.

    Counts that are forgotten bit by bit may lie between 0 and 1.
    """
    once = np.where(n > 0, n, 1.0)
    return ended[:, SUCCEEDED] / once, np.log(np.maximum(t, 1.0))[:, None], once
