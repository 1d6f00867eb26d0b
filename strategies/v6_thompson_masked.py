"""V6, Thompson masked: V4 plus a cooldown.

A refusal (HTTP 429) says that a server is busy, not that it is bad: it is left alone for a
second, and its posterior stays as it was.

Source: published code of the original (``v6_thompson_masked.py``), slips included: a refusal
still counts as an attempt, so it lowers the rate by which paid attempts are sent; and with no
candidate left the fallback looks at all servers, tried ones too (``fallback=published``).

    draw ~ Beta(a + successes, b + failures) over untried servers whose last refusal ended at
    least ``cooldown`` seconds ago
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.cooldown import Cooldown
from strategies.parts.counts import Counts
from strategies.parts.masked import FALLBACKS, best_rested
from strategies.parts.numbers import require, require_one_of
from strategies.parts.paid import free_or_paid


@dataclass
class ThompsonMasked(Strategy):
    """Take the largest draw among servers that did not refuse within the cooldown."""

    cooldown: float = 1.0
    fallback: str = "published"
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("cooldown", self.cooldown, least=0)
        require_one_of("fallback", self.fallback, FALLBACKS)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=False)
        self.cooling = Cooldown(replications, rules.arms, self.cooldown)

    def select(self, context: Context) -> Action:
        return free_or_paid(context, self.rules, self.counts, self._free)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.cooling.learn(feedback)

    def retry_at(self, now: Floats) -> Floats:
        return self.cooling.until(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.posterior.beliefs() | {"until": self.retry_at(now)}

    def _free(self, context: Context) -> Action:
        draw = self.posterior.draw(context.rows, self.rng)
        rested = self.cooling.rested(context.rows, context.now)
        return best_rested(context, draw, rested, self.cooldown, self.fallback)
