"""balanced: the best reward for its cost, and now and then anybody, as long as the budget lasts.

A surrogate of BalancedExploration.  The paper leaves open how to find the distributions it draws
from (remark 4.2), so nobody can play it; this is what the post made of it.

Source: after Badanidiyuru, Kleinberg and Slivkins (arXiv 1305.2545), section 4, algorithm 1, in
the reading of the original's post.

    r = S / n, n with refusals; servers never attempted first
    index = UCB(r) / max(0.01, LCB(1 - r))
    on free attempts, with probability explore (1 - share of B_p spent): a uniform candidate
    eligible, null arm and episodes are those of ``primal-dual``; B_p = paid_share T
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Bools, Context, Feedback, Floats, Rules
from strategies.parts.confidence import beliefs, lower, share, upper
from strategies.parts.cooldown import Rest
from strategies.parts.counts import SUCCEEDED, Counts, pulls
from strategies.parts.episode import Episode
from strategies.parts.null_arm import best_or_null
from strategies.parts.numbers import require


@dataclass
class Balanced(Strategy):
    """Take the most reward for the least failing, and sometimes any candidate."""

    rounds: int = 1000
    paid_share: float = 0.05
    explore: float = 0.1
    confidence: float = 1.0
    least_cost: float = 0.01
    cooldown: float = 1.0  # seconds

    def __post_init__(self) -> None:
        require("rounds", self.rounds, least=1, whole=True)
        require("paid_share", self.paid_share, above=0, most=1)
        require("explore", self.explore, least=0, most=1)
        require("confidence", self.confidence, least=0)
        require("least_cost", self.least_cost, above=0)
        require("cooldown", self.cooldown, least=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        shape = replications, rules.arms
        self.rules, self.rng = rules, rng
        self.counts, self.rest = Counts(*shape), Rest(*shape, self.cooldown)
        self.episode = Episode(replications, self.rounds, self.paid_share)

    def select(self, context: Context) -> Action:
        rows = context.rows
        self.episode.begin(rows)
        paid = context.attempt > self.rules.free_attempts
        spent = self.episode.spent(rows)
        index = self._index(self.counts.of(rows))
        self._explore(index, ~paid, spent)
        action = best_or_null(context, paid, index, self.rest, spent[:, None] < 1.0)
        sent = action.arm >= 0
        self.episode.count(rows[sent], paid[sent])
        return action

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.rest.learn(feedback)

    def retry_at(self, now: Floats) -> Floats:
        return self.rest.until(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        ended = self.counts.ended
        believed = beliefs(ended[:, SUCCEEDED], pulls(ended), self.confidence)
        return believed | {"until": self.retry_at(now)}

    def _index(self, ended: Floats) -> Floats:
        n = pulls(ended)
        rate = share(ended[:, SUCCEEDED], n)
        cost = np.maximum(lower(1.0 - rate, n, self.confidence), self.least_cost)
        index = upper(rate, n, self.confidence) / cost
        index[n == 0] = np.inf
        return index

    def _explore(self, index: Floats, free: Bools, spent: Floats) -> None:
        """Replace the index of some free attempts by chance."""
        chance = self.explore * np.maximum(1.0 - spent, 0.0)
        exploring = np.flatnonzero(free & (self.rng.random(len(spent)) < chance))
        index[exploring] = self.rng.random((exploring.size, index.shape[1]))
