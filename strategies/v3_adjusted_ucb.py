"""V3, adjusted UCB: as V2, and bolder, because free attempts cost nothing.

Source: published code of the original (``v3_ucb_modified.py``).  The post gives paid attempts
the constant 1 instead of 3, but no paid attempt ever reaches that rule.

    index = S / n + exploration sqrt(ln t / n), exploration = 3
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.counts import Counts
from strategies.parts.numbers import require
from strategies.parts.optimism import Optimism
from strategies.parts.paid import free_or_paid


@dataclass
class AdjustedUCB(Strategy):
    """Take the largest upper confidence bound, with a width of more than twice UCB1's."""

    exploration: float = 3.0

    def __post_init__(self) -> None:
        require("exploration", self.exploration, least=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules = rules
        self.counts = Counts(replications, rules.arms)
        self.optimism = Optimism(self.counts, self._bound, rng)

    def select(self, context: Context) -> Action:
        return free_or_paid(context, self.rules, self.counts, self.optimism.choose)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.optimism.beliefs()

    def _bound(self, rate: Floats, log_t: Floats, n: Floats) -> Floats:
        bound: Floats = rate + self.exploration * np.sqrt(log_t / n)
        return bound
