"""Exponential weights: servers are drawn by weights that grow with what they earned.

Nothing is assumed of how successes come about, an adversary may choose them.  A success weighs as
much as it was unlikely to be tried, so that rarely tried servers are judged as fairly as others.

Source: Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 32 (2002), section 3 (Exp3) and
section 8 (Exp3.S)::

    p = (1 - gamma) w / sum w + gamma / K,   x = success / (chance that the server had)
    w of the server attempted *= exp(gamma x / K);   then every w += e share sum w / K

Exp3 has share = 0.  A request that tried some servers draws among the others, with their p in
proportion.
"""

from math import e

import numpy as np

from flaky_load_balancer.core.strategy import best, candidates
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints
from strategies.parts.counts import SUCCEEDED
from strategies.parts.propensity import Propensity
from strategies.parts.window import rounds

TINY = 1e-300  # the least weight: from 0 none comes back


class ExponentialWeights:
    """``weights`` (R, K), whose sum is about 1."""

    def __init__(
        self, shape: tuple[int, int], gamma: float, share: float, rng: np.random.Generator
    ) -> None:
        self.gamma, self.share, self.rng = gamma, share, rng
        self.weights: Floats = np.full(shape, 1.0 / shape[1])
        self.chances = Propensity(shape[0])

    def chance(self, rows: Ints) -> Floats:
        """(n, K) the probability of every server, if all may be chosen."""
        weights = self.weights.take(rows, 0)
        own = weights / weights.sum(axis=1, keepdims=True)
        chance: Floats = (1.0 - self.gamma) * own + self.gamma / weights.shape[1]
        return chance

    def choose(self, context: Context) -> Action:
        """Draw by the largest of ln p + Gumbel noise, which is a draw by p among any servers."""
        chance, among = self.chance(context.rows), candidates(context)
        noise = self.rng.gumbel(size=chance.shape)
        action = best(context, np.log(chance) + noise, among)
        sent = np.flatnonzero(action.arm >= 0)
        probability = np.full(len(chance), np.nan)
        whole = np.where(among, chance, 0.0)[sent].sum(axis=1)
        probability[sent] = chance[sent, action.arm[sent]] / whole
        action.probability = probability
        self.chances.note(context, probability)
        return action

    def learn(self, feedback: Feedback) -> None:
        feedback = rounds(feedback)
        rows, arm = feedback.rows, feedback.arm
        usual = self.chance(rows)[np.arange(len(rows)), arm]
        worth = (feedback.outcome == SUCCEEDED) / self.chances.of(feedback, usual)
        weights = self.weights.take(rows, 0)
        shared = e * self.share / weights.shape[1] * weights.sum(axis=1, keepdims=True)
        weights[np.arange(len(rows)), arm] *= np.exp(self.gamma * worth / weights.shape[1])
        weights = np.maximum(weights + shared, TINY)
        self.weights[rows] = weights / weights.sum(axis=1, keepdims=True)
