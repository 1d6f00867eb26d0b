"""d-ucb: UCB1 in which what was seen counts less with every round.

As ``sw-ucb``, but nothing is forgotten at once: a round weighs ``discount`` to the power of the
rounds after it.

Source: Garivier and Moulines, ALT 2011 (arXiv 0805.3415), section 3.1; xi = 0.6 as there.  With
Y changes in T rounds they take discount = 1 - sqrt(Y / T) / 4.  ``bound=kl`` has the width of
``kl-ucb`` in place of Hoeffding's.  Untried servers first, refusals are failures.

    index = S / n + 2 sqrt(xi ln t / n), S, n and t discounted
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.numbers import require, require_one_of
from strategies.parts.optimism import BOUNDS, Optimism, upper
from strategies.parts.window import Discounted


@dataclass
class DiscountedUCB(Strategy):
    """Take the largest upper confidence bound of discounted counts."""

    discount: float = 0.99
    xi: float = 0.6
    bound: str = "hoeffding"

    def __post_init__(self) -> None:
        require("discount", self.discount, above=0, most=1)
        require("xi", self.xi, least=0)
        require_one_of("bound", self.bound, BOUNDS)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.counts = Discounted(replications, rules.arms, self.discount)
        self.optimism = Optimism(self.counts, upper(self.bound, 4.0 * self.xi), rng)

    def select(self, context: Context) -> Action:
        return self.optimism.choose(context)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.optimism.beliefs()
