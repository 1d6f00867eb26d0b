"""bayes-ucb: the upper quantile of what is believed of each server, the higher the later.

Thompson sampling without chance: as KL-UCB it is as good as any strategy can be in the long run.

Source: Kaufmann, Cappe and Garivier, AISTATS 2012, algorithm 1, with c = 0 as their experiments.
Played as V2 is: untried servers only, refusals are failures, unattempted first, and paid attempts
by the largest rate.

    index = quantile 1 - 1 / (t (ln T)^c) of Beta(1 + S, 1 + n - S), c = 0
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior
from strategies.parts.counts import Counts
from strategies.parts.optimism import Optimism
from strategies.parts.paid import free_or_paid


@dataclass
class BayesUCB(Strategy):
    """Take the largest quantile of the posteriors."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules = rules
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, 1.0, 1.0, refusals_fail=True)
        self.optimism = Optimism(self.counts, self._bound, rng)

    def select(self, context: Context) -> Action:
        return free_or_paid(context, self.rules, self.counts, self.optimism.choose)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()

    @staticmethod
    def _bound(rate: Floats, log_t: Floats, n: Floats) -> Floats:
        won = rate * n
        return betaincinv(1.0 + won, 1.0 + n - won, -np.expm1(-log_t)).astype(np.float64)
