"""budget-linucb: at every attempt the most reward for a dollar, among servers within what is left.

Source: Poon et al. 2025, arXiv 2506.17670, budget-aware algorithm: each query has a budget of its
own, UCB of the reward over LCB of the cost.

    index = UCB(quality) / max(floor, LCB(cost))
    over servers with LCB(cost) <= what the request has not spent yet
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import best
from flaky_load_balancer.core.types import GIVE_UP, Action, Bools, Context, Feedback, Floats, Rules
from strategies.greedy_linucb import GreedyLinUCB
from strategies.parts.numbers import require
from strategies.parts.steps import Spent


@dataclass
class BudgetLinUCB(GreedyLinUCB):
    """Take the server that may bring most for a dollar, while the request can pay for one."""

    per_request: float = 0.01  # dollars
    floor: float = 1e-6  # dollars: nothing is cheaper

    def __post_init__(self) -> None:
        super().__post_init__()
        require("per_request", self.per_request, above=0)
        if self.budget is not None:
            raise ValueError("budget is not played here: per_request is each request's own")
        require("floor", self.floor, above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.spending = Spent(replications)

    def select(self, context: Context) -> Action:
        x = self._seen(context)
        quality, cost = self.index(context, x), self.costs.lower(context.rows)
        affordable = (cost <= self.left(context)[:, None]) & context.available
        action = self.chosen(context, quality, cost, affordable)
        action.arm = np.where(affordable.any(axis=1), action.arm, GIVE_UP)
        action.probability = np.ones(len(context.rows))
        return action

    def chosen(self, context: Context, quality: Floats, cost: Floats, affordable: Bools) -> Action:
        """The best of the affordable servers."""
        ratio = np.maximum(quality, 0.0) / np.maximum(cost, self.floor)
        return best(context, ratio, affordable)

    def left(self, context: Context) -> Floats:
        """(n,) dollars that a request may still cost."""
        return self.per_request - self.spending.by(context.rows, context.request)

    def observe(self, feedback: Feedback) -> None:
        super().observe(feedback)
        self.spending.learn(feedback)
