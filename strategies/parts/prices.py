"""Prices of resources, learnt by multiplicative weights: what is used a lot becomes dear.

Source: Badanidiyuru, Kleinberg and Slivkins (arXiv 1305.2545), section 5, algorithm 2, where v is
the dual vector of the linear programme, and the update that of Freund and Schapire's Hedge.

    v = 1 at first;  v_i <- v_i (1 + eps)^LCB(cost_i) of what was played, eps = sqrt(ln d / B)

d resources: some are ``shared`` by all servers (time), and each server has one of its own (its
limit).  Costs are scaled to the same budget B.  Only ratios of prices matter, so v is divided by
its maximum and never overflows.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

CHEAPEST = 1e-99  # relative to the dearest: a price that became 0 could never rise again


class Prices:
    """``value`` (R, shared + K): the prices in each replication."""

    def __init__(self, replications: int, shared: int, arms: int) -> None:
        self.shared = shared
        self.value: Floats = np.ones((replications, shared + arms))

    def restart(self, rows: Ints) -> None:
        self.value[rows] = 1.0

    def charge(self, rows: Ints, shared: Floats, own: Floats) -> Floats:
        """(n, K) v . cost of every server: ``shared`` (n, m) costs of any, ``own`` (n, K)."""
        value = self.value.take(rows, 0)
        common = np.add.reduce(value[:, : self.shared] * shared, 1)
        charge: Floats = common[:, None] + value[:, self.shared :] * own
        return charge

    def rise(self, rows: Ints, arm: Ints, shared: Floats, own: Floats, budget: Floats) -> None:
        """Servers (n,) were played, at ``own`` (n,) costs, with budgets B (n,)."""
        cost = np.zeros((len(rows), self.value.shape[1]))
        cost[:, : self.shared] = shared
        cost[np.arange(len(rows)), self.shared + arm] = own
        eps = np.sqrt(np.log(cost.shape[1]) / budget)
        value = self.value.take(rows, 0) * (1.0 + eps[:, None]) ** cost
        self.value[rows] = np.maximum(value / value.max(axis=1, keepdims=True), CHEAPEST)
