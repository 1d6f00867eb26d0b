"""V2, UCB1: be optimistic about what is uncertain.

Each server is taken to be as good as it could plausibly be.  A good guess earns successes; a bad
one soon shows, because attempts narrow the width.  Regret grows as ln t.

Source: Auer, Cesa-Bianchi and Fischer, Machine Learning 47 (2002), figure 1; as the published
code of the original (``v2_ucb.py``) plays it: untried servers only, refusals are failures.

    index = S / n + sqrt(exploration ln t / n), exploration = 2
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
class UCB1(Strategy):
    """Take the largest upper confidence bound of the success rate."""

    exploration: float = 2.0

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
        bound: Floats = rate + np.sqrt(self.exploration * (log_t / n))
        return bound
