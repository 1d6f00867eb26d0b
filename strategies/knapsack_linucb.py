"""knapsack-linucb: choose the servers that a request's budget buys, and try the best of them first.

Source: Poon et al. 2025, arXiv 2506.17670, positionally-aware heuristic: a knapsack over upper
bounds of reward and lower bounds of cost picks a subset, which is played in order of its bounds.
With few servers the knapsack is solved exactly over all subsets, else greedily by reward for a
dollar.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import best
from flaky_load_balancer.core.types import Action, Bools, Context, Floats
from strategies.budget_linucb import BudgetLinUCB

EXACT = 10  # servers: 1,024 subsets


@dataclass
class KnapsackLinUCB(BudgetLinUCB):
    """Take the server of the largest bound within the best affordable subset."""

    def chosen(self, context: Context, quality: Floats, cost: Floats, affordable: Bools) -> Action:
        candidates = affordable & context.available & ~context.tried
        worth = np.where(candidates, np.maximum(quality, 0.0), 0.0)
        price = np.maximum(cost, self.floor)
        chosen = packed(worth, price, self.left(context), context.left)
        some = np.any(chosen, axis=1)[:, None]
        return best(context, quality, np.where(some, chosen, affordable))


def packed(worth: Floats, cost: Floats, budget: Floats, most: Floats | np.ndarray) -> Bools:
    """(n, K) the most valuable subset of ``most`` (n,) servers that ``budget`` (n,) pays for."""
    if worth.shape[1] <= EXACT:
        return _exactly(worth, cost, budget, np.asarray(most))
    return _greedily(worth, cost, budget, np.asarray(most))


def _exactly(worth: Floats, cost: Floats, budget: Floats, most: np.ndarray) -> Bools:
    arms = worth.shape[1]
    subsets: Bools = (np.arange(1 << arms)[:, None] >> np.arange(arms) & 1).astype(bool)
    fits = cost @ subsets.T <= budget[:, None]
    fits &= subsets.sum(axis=1) <= most[:, None]
    best_of = np.where(fits, worth @ subsets.T, -1.0).argmax(axis=1)
    return np.asarray(subsets[best_of] & (worth > 0))


def _greedily(worth: Floats, cost: Floats, budget: Floats, most: np.ndarray) -> Bools:
    order = (-worth / cost).argsort(axis=1, kind="stable")
    paid = np.take_along_axis(cost, order, 1).cumsum(axis=1)
    fits = (paid <= budget[:, None]) & (np.arange(worth.shape[1]) < most[:, None])
    chosen: Bools = np.zeros(worth.shape, dtype=bool)
    np.put_along_axis(chosen, order, fits, 1)
    return np.asarray(chosen & (worth > 0))
