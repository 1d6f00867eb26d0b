"""Latencies with heavy tails: the last ones of each server, and draws of what they come to.

A mean of such latencies is ruled by the few longest, and says little before one was met.  Two
measures say more: CVaR, the mean of the worst share of them, and the median of the means of
blocks, which a single long one cannot move.

Draws are those of non-parametric Thompson sampling: the latencies are weighted by chance, together
with one more that is the shortest of any server, so that a server that was met seldom may turn out
to be quick.  The weights are of a Dirichlet distribution whose parameters are all
``concentration``: 1 as published; with more, draws are nearer to what was seen.

Sources: Rockafellar and Uryasev, J. Risk 2 (2000), for CVaR; Baudry, Gautron, Kaufmann and
Maillard, ICML 2021, for the draws; Bubeck, Cesa-Bianchi and Lugosi, IEEE Trans. Information Theory
59 (2013), for bandits with the median of means.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import FAILED, REFUSED, SUCCEEDED

NONE = -1.0  # seconds: a place in the ring that was never filled
UNKNOWN = 60.0  # seconds: the shortest latency before there was one


def cvar(values: Floats, weights: Floats, worst: float) -> Floats:
    """(...) the mean of the ``worst`` share of values (..., m), which have these weights.

    Values are in falling order.
    """
    share = np.cumsum(weights, axis=-1)
    share = np.minimum(share / share[..., -1:], worst)
    taken = np.diff(share, axis=-1, prepend=0.0)
    mean: Floats = np.einsum("...m,...m->...", taken, values) / worst
    return mean


def median_of_means(values: Floats, weights: Floats) -> Floats:
    """(...) the median of the weighted means of blocks: (..., blocks, m) each."""
    means = np.einsum("...m,...m->...", values, weights) / weights.sum(axis=-1)
    median: Floats = np.median(means, axis=-1)
    return median


class Tails:
    """A ring of latencies for every server, in seconds; the shortest of each replication."""

    def __init__(self, replications: int, arms: int, memory: int, concentration: float) -> None:
        self.concentration = concentration
        self.ring: Floats = np.full((replications, arms, memory), NONE)
        self.turn = np.zeros((replications, arms), dtype=np.intp)
        self.shortest: Floats = np.full(replications, UNKNOWN)  # of a success
        self.successes: Floats = np.zeros(replications)
        self.usual: Floats = np.zeros(replications)  # the mean of all successes

    def learn(self, feedback: Feedback) -> None:
        """Take in how long attempts took; refusals say nothing about that.

        After a failure comes another attempt, which the request waits for as well.
        """
        heard = np.flatnonzero(feedback.outcome != REFUSED)
        rows, arm = feedback.rows[heard], feedback.arm[heard]
        seconds, outcome = feedback.latency[heard], feedback.outcome[heard]
        won = np.flatnonzero(outcome == SUCCEEDED)
        self._meet(rows[won], seconds[won])
        seconds += np.where(outcome == FAILED, self.usual[rows], 0.0)
        cut_off = np.flatnonzero(outcome > FAILED)
        if cut_off.size:
            those = rows[cut_off], arm[cut_off]
            seconds[cut_off] = self._at_least(*those, seconds[cut_off])
        turn = self.turn[rows, arm]
        self.ring[rows, arm, turn] = seconds
        self.turn[rows, arm] = (turn + 1) % self.ring.shape[2]

    def draw_cvar(self, rows: Ints, worst: float, rng: np.random.Generator) -> Floats:
        """(n, K) seconds: draws of the mean of the ``worst`` share of latencies."""
        values, weights = self._weighted(rows, rng)
        order = np.argsort(values, axis=-1)[..., ::-1]
        values, weights = (np.take_along_axis(each, order, -1) for each in (values, weights))
        return cvar(values, weights, worst)

    def draw_mean(self, rows: Ints, blocks: int, rng: np.random.Generator) -> Floats:
        """(n, K) seconds: draws of the median of the means of so many blocks."""
        values, weights = self._weighted(rows, rng, blocks)
        return median_of_means(values, weights)

    def cvar(self, worst: float) -> Floats:
        """(R, K) the mean of the ``worst`` share of the latencies that were seen, for people."""
        values = np.sort(self.ring, axis=-1)[..., ::-1]
        weights = (values > NONE).astype(float)
        weights[..., 0] += weights.sum(axis=-1) == 0
        return np.maximum(cvar(values, weights, worst), 0.0)

    def _meet(self, rows: Ints, seconds: Floats) -> None:
        """Successes took so long."""
        self.shortest[rows] = np.minimum(self.shortest[rows], seconds)
        self.successes[rows] += 1.0
        self.usual[rows] += (seconds - self.usual[rows]) / self.successes[rows]

    def _weighted(
        self, rows: Ints, rng: np.random.Generator, blocks: int = 0
    ) -> tuple[Floats, Floats]:
        """Latencies and weights by chance, the shortest one among them: (n, K[, blocks], m)."""
        values = self.ring.take(rows, 0)
        if blocks:
            values = values.reshape(*values.shape[:2], -1, blocks).swapaxes(2, 3)
        shape = *values.shape[:-1], values.shape[-1] + 1
        weights = rng.standard_gamma(self.concentration, shape)
        weights[..., :-1] *= values > NONE
        shortest = self.shortest.take(rows).reshape(-1, *[1] * (values.ndim - 1))
        shortest = np.broadcast_to(shortest, (*values.shape[:-1], 1))
        return np.concatenate([values, shortest], axis=-1), weights

    def _at_least(self, rows: Ints, arm: Ints, seconds: Floats) -> Floats:
        """(n,) how long attempts may have taken that were cut off after so many seconds.

        The mean of the longer latencies that were seen, if any was (Buckley and James 1979).
        """
        kept = self.ring[rows, arm]
        longer = kept > seconds[:, None]
        count = longer.sum(axis=1)
        mean = (kept * longer).sum(axis=1) / np.maximum(count, 1)
        return np.where(count > 0, mean, seconds)
