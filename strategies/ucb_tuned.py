"""ucb-tuned: UCB1 with a width that follows the variance that was seen.

Source: Auer, Cesa-Bianchi and Fischer, Machine Learning 47 (2002), section 4 (UCB1-tuned): no bound
is proven, and it does better.  Played as V2 is: untried servers only, refusals are failures,
unattempted first, and paid attempts by the largest rate.

    index = m + sqrt(ln t / n min(1/4, m (1 - m) + sqrt(2 ln t / n))), m = S / n
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.counts import Counts
from strategies.parts.optimism import Optimism
from strategies.parts.paid import free_or_paid


@dataclass
class UCBTuned(Strategy):
    """Take the largest upper confidence bound that the variance allows."""

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

    @staticmethod
    def _bound(rate: Floats, log_t: Floats, n: Floats) -> Floats:
        spread = log_t / n
        variance = np.minimum(0.25, rate * (1.0 - rate) + np.sqrt(2.0 * spread))
        bound: Floats = rate + np.sqrt(spread * variance)
        return bound
