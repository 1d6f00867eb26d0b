"""The UCB that Chapelle and Li compare Thompson sampling with."""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.counts import Counts
from strategies.parts.optimism import Optimism


@dataclass
class ChapelleLiUCB(Strategy):
    """A bound that is narrower where the rate is small, as is the Kullback-Leibler bound.

    Source: Chapelle and Li, NIPS 2011, section 3.

        index = m + sqrt(2 m ln(1/delta) / n) + 2 ln(1/delta) / n, m = S / n, delta = sqrt(1 / t)
    """

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.counts = Counts(replications, rules.arms)
        self.optimism = Optimism(self.counts, self._bound, rng)

    def select(self, context: Context) -> Action:
        return self.optimism.choose(context)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    @staticmethod
    def _bound(rate: Floats, log_t: Floats, n: Floats) -> Floats:
        twice = log_t / n  # 2 ln(1/delta) / n, as ln(1/delta) = ln(t) / 2
        bound: Floats = rate + np.sqrt(rate * twice) + twice
        return bound
