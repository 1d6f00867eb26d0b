"""rucb: which server's answers people like best, learnt from pairs of answers.

Source: Zoghi, Whiteson, Munos and de Rijke 2014 (ICML), "Relative Upper Confidence Bound for the
K-Armed Dueling Bandit Problem", algorithm 1.  It learns from ``prefer`` alone; n_ij is how often i
was preferred to j, t counts all of that, and x / 0 is 1.

    u_ij = n_ij / (n_ij + n_ji) + sqrt(alpha ln t / (n_ij + n_ji)),   u_ii = 1/2
    candidates = {c: u_cj >= 1/2 for all j};   champion c of these,   challenger = argmax_j u_jc

Requests come in turns: the first is sent to a champion, the next, where the same question is asked
again, to the challenger.  Whoever was the only candidate last is champion with probability 1/2,
while it is one; without any candidate every server may be.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import (
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Preference,
    Rules,
)
from strategies.parts.numbers import require

ALMOST = 1e-9  # the share of a half in ties


@dataclass
class RUCB(Strategy):
    """Take a server that may be the best one, and then the one that may beat it."""

    alpha: float = 0.51

    def __post_init__(self) -> None:
        require("alpha", self.alpha, above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        shape = replications, rules.arms
        self.wins: Floats = np.zeros((*shape, rules.arms))  # n_ij
        self.hypothesis: Bools = np.zeros(shape, dtype=bool)  # the only candidate last
        self.champion: Bools = np.zeros(shape, dtype=bool)  # of this turn
        self.turn = np.zeros(replications, dtype=np.intp)  # requests so far

    def select(self, context: Context) -> Action:
        rows, first = context.rows, context.attempt == 1
        self.turn[rows] += first
        bounds = self.bounds(rows)
        crowned = first & (self.turn.take(rows) % 2 == 1)
        if np.count_nonzero(crowned):
            self._crown(rows[crowned], bounds[crowned])
        champion = self.champion.take(rows, 0)
        against = np.einsum("njk,nk->nj", bounds, champion.astype(float))
        challenge = self.turn.take(rows) % 2 == 0
        index = np.where(challenge[:, None], against - ALMOST * champion, against + 2.0 * champion)
        return best(context, index)

    def observe(self, feedback: Feedback) -> None:
        """Whether an attempt succeeds says nothing of what its answer is worth."""

    def prefer(self, preference: Preference) -> None:
        rows, better, worse = preference.rows, preference.better, preference.worse
        self.wins[rows, better, worse] += 1.0
        if preference.corrects is not None:  # what it corrects may be forgotten by now
            left = self.wins[rows, worse, better] - preference.corrects
            self.wins[rows, worse, better] = np.maximum(left, 0.0)

    def bounds(self, rows: Ints) -> Floats:
        """(n, K, K) u_ij."""
        wins = self.wins.take(rows, 0)
        played = wins + wins.transpose(0, 2, 1)
        rounds = np.maximum(self.wins.take(rows, 0).sum(axis=(1, 2)), 1.0)
        width = np.sqrt(self.alpha * np.log(rounds)[:, None, None] / np.maximum(played, 1e-12))
        bounds = np.where(played > 0, wins / np.maximum(played, 1.0) + width, 2.0)
        each = np.arange(self.rules.arms)
        bounds[:, each, each] = 0.5
        return bounds

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        """The share of its comparisons that each server won."""
        won, lost = self.wins.sum(axis=2), self.wins.sum(axis=1)
        return {"mean": (won + 0.5) / (won + lost + 1.0), "comparisons": won + lost}

    def _crown(self, rows: Ints, bounds: Floats) -> None:
        """Draw the champions of a new turn."""
        candidates: Bools = np.all(bounds >= 0.5 - ALMOST, axis=2)
        candidates[~np.any(candidates, axis=1)] = True
        held: Bools = self.hypothesis.take(rows, 0) & candidates
        alone = np.count_nonzero(candidates, axis=1) == 1
        held[alone] = candidates[alone]
        self.hypothesis[rows] = held
        others: Bools = candidates & ~held
        share = np.where(np.any(held, axis=1), 0.5, 1.0)[:, None]
        chance = share * others / np.maximum(np.count_nonzero(others, axis=1), 1)[:, None]
        chance += held * np.where(np.any(others, axis=1), 0.5, 1.0)[:, None]
        drawn = (chance.cumsum(axis=1) > self.rng.random((len(rows), 1))).argmax(axis=1)
        self.champion[rows] = np.arange(self.rules.arms) == drawn[:, None]
