"""pacer: LinUCB with a price of dollars that holds spending at a target.

Source: ParetoBandit, arXiv 2604.00136: budget pacing by a primal-dual price, geometric forgetting.

    index = LinUCB's - price x cost scaled to [0, 1];   the price follows spending / target
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.linucb import LinUCB
from strategies.parts.numbers import require
from strategies.parts.pacing import Pacing


@dataclass
class Pacer(LinUCB):
    """Take the server whose utility less the price of its cost may be largest."""

    target: float = 0.001  # dollars for an attempt
    most: float = 5.0  # of the price

    def __post_init__(self) -> None:
        super().__post_init__()
        require("target", self.target, above=0)
        require("most", self.most, above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.pacing = Pacing(replications, self.target, self.most)

    def select(self, context: Context) -> Action:
        action = super().select(context)
        action.price = self.pacing.price.take(context.rows)
        return action

    def index(self, context: Context, x: Floats) -> Floats:
        cost = self.costs.mean(context.rows)
        return self.pacing.charged(context.rows, super().index(context, x), cost)

    def observe(self, feedback: Feedback) -> None:
        super().observe(feedback)
        self.pacing.learn(feedback)
