"""d-ts: Thompson sampling in which what was seen counts less with every round.

Source: Raj and Kalyani, "Taming non-stationary bandits" (arXiv 1707.09727), algorithm 1: with every
round the successes and failures of *all* servers shrink, so that one that is left alone returns to
its prior.  Untried servers first, refusals are failures.

    draw ~ Beta(a + successes, b + failures), both discounted
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.numbers import require
from strategies.parts.window import Discounted


@dataclass
class DiscountedThompson(Strategy):
    """Take the largest draw from posteriors of discounted counts."""

    discount: float = 0.99
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("discount", self.discount, above=0, most=1)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.counts = Discounted(replications, rules.arms, self.discount)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=True)

    def select(self, context: Context) -> Action:
        return best(context, self.posterior.draw(context.rows, self.rng))

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()
