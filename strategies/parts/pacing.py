"""A price of dollars that rises while spending is above its target, and falls while it is below.

Source: ParetoBandit, arXiv 2604.00136 (primal-dual budget pacing).

    spending = 0.95 spending + 0.05 cost
    price = clip(price + 0.05 (spending / target - 1), 0, most)
    index = score - price x cost, costs of servers scaled to between 0 and 1
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints, Outcome

SMOOTH, STEP = 0.05, 0.05


class Pacing:
    """The price of R replications."""

    def __init__(self, replications: int, target: float, most: float) -> None:
        self.target, self.most = target, most
        self.spending: Floats = np.full(replications, target)
        self.price: Floats = np.zeros(replications)

    def charged(self, rows: Ints, score: Floats, cost: Floats) -> Floats:
        """(n, K) scores less the price of what servers cost; ``cost`` (n, K) mean dollars."""
        return score - self.price.take(rows)[:, None] * scaled(cost)

    def learn(self, feedback: Feedback) -> None:
        those = np.flatnonzero(feedback.outcome <= Outcome.FAILED)
        rows = feedback.rows.take(those)
        spending = (1 - SMOOTH) * self.spending[rows] + SMOOTH * feedback.cost.take(those)
        self.spending[rows] = spending
        price = self.price[rows] + STEP * (spending / self.target - 1.0)
        self.price[rows] = np.clip(price, 0.0, self.most)


def scaled(cost: Floats) -> Floats:
    """(n, K) costs on a logarithmic scale, 0 the cheapest of a row and 1 the dearest."""
    known = np.log(np.maximum(cost, 1e-9))
    low, high = known.min(axis=1, keepdims=True), known.max(axis=1, keepdims=True)
    span: Floats = (known - low) / np.maximum(high - low, 1e-9)
    return span
