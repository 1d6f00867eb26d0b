"""V7, sliding window: V6 with a short memory.

Only the last 30 successes and failures of each server count, so the strategy follows servers
that change.  In T1-T3 the error rates stay as they are and only limits move, so there the
forgetting costs and gains nothing.

Source: published code of the original (``v7_sliding_window.py``); sliding window Thompson
sampling is analysed by Trovo, Paladino, Restelli and Gatti, JAIR 68 (2020).  Paid attempts go by
the rate of the whole run, refusals included.

    draw ~ Beta(a + successes, b + failures), both among the last ``memory`` of the server,
    over untried servers whose last refusal ended at least ``cooldown`` seconds ago
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import require_prior
from strategies.parts.cooldown import Cooldown
from strategies.parts.counts import Counts
from strategies.parts.masked import FALLBACKS, best_rested
from strategies.parts.numbers import require, require_one_of
from strategies.parts.paid import free_or_paid
from strategies.parts.recent import RecentBeta


@dataclass
class SlidingWindow(Strategy):
    """Take the largest draw from posteriors of the last few lessons, refusers left alone."""

    memory: int = 30
    cooldown: float = 1.0
    fallback: str = "published"
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("memory", self.memory, least=1, most=10_000, whole=True)
        require("cooldown", self.cooldown, least=0)
        require_one_of("fallback", self.fallback, FALLBACKS)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        self.counts = Counts(replications, rules.arms)
        self.recent = RecentBeta(replications, rules.arms, self.memory, self.a, self.b)
        self.cooling = Cooldown(replications, rules.arms, self.cooldown)

    def select(self, context: Context) -> Action:
        return free_or_paid(context, self.rules, self.counts, self._free)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.recent.learn(feedback)
        self.cooling.learn(feedback)

    def retry_at(self, now: Floats) -> Floats:
        return self.cooling.until(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.recent.beliefs() | {"until": self.retry_at(now)}

    def _free(self, context: Context) -> Action:
        draw = self.recent.draw(context.rows, self.rng)
        rested = self.cooling.rested(context.rows, context.now)
        return best_rested(context, draw, rested, self.cooldown, self.fallback)
