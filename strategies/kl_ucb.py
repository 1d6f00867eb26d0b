"""kl-ucb: UCB1 with the bound that fits successes and failures, and so less exploration.

UCB1 bounds a rate as if it could spread like a coin's everywhere; here the width follows the
rate, and regret grows as slowly as any strategy's can (Lai and Robbins 1985).

Source: Garivier and Cappe, COLT 2011, algorithm 1, for Bernoulli rewards; c = 0 as their section
6 advises.  Played as V2 is: untried servers only, refusals are failures, unattempted first, and
paid attempts by the largest rate.

    index = max {q: n kl(S / n, q) <= ln t + c ln ln t},
    kl(p, q) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.counts import Counts
from strategies.parts.kl import kl_upper
from strategies.parts.numbers import require
from strategies.parts.optimism import Optimism
from strategies.parts.paid import free_or_paid


@dataclass
class KLUCB(Strategy):
    """Take the largest rate that what was seen does not rule out."""

    c: float = 0.0

    def __post_init__(self) -> None:
        require("c", self.c, least=0)

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
        level = log_t + self.c * np.log(np.maximum(log_t, 1.0))
        return kl_upper(rate, level / n)
