"""The value of a positive parameter that gets the least wrong, and all that do nearly as well.

What is counted is whole attempts, so the best values are a stretch, not a point; it is found by
trying a coarse grid, then finer ones around the ends of the stretch.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

FINER = 30  # values on either side of a stretch's end
ROUNDS = 2
HALF = 1.92  # how far the log likelihood is below its peak at the ends of a 95 % interval


class Range(NamedTuple):
    """A value, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def slack(wrong: int, attempts: int) -> int:
    """How many more wrong attempts still are within the interval of 95 %.

    The number of wrong ones is itself known no better than any count: two standard deviations.
    """
    rate = (wrong + 0.5) / (attempts + 1)
    likely = int(HALF / np.log((1 - rate) / rate)) if rate < 0.5 else attempts
    return max(likely, int(np.ceil(2 * np.sqrt(wrong))))


def narrowed(cost: Callable[[Floats], Ints], tried: Floats, spare: int) -> Range:
    """The middle of the best stretch; ``spare`` more are allowed within the interval."""
    tried = np.unique(tried)
    costs = cost(tried)
    for _ in range(ROUNDS):
        finer = np.concatenate([_around(tried, costs, costs.min() + more) for more in (0, spare)])
        finer = np.setdiff1d(finer, tried)
        costs = np.append(costs, cost(finer))
        order = np.argsort(np.append(tried, finer), kind="stable")
        tried, costs = np.append(tried, finer)[order], costs[order]
    best, fair = tried[costs == costs.min()], tried[costs <= costs.min() + spare]
    middle = float(np.sqrt(best[0] * best[-1]))
    return Range(float(best[np.abs(best - middle).argmin()]), float(fair[0]), float(fair[-1]))


def _around(tried: Floats, costs: Ints, most: int) -> Floats:
    """Values around both ends of the stretch that costs no more than this."""
    fair = np.flatnonzero(costs <= most)
    pairs = []
    for inside, outside in ((fair[0], fair[0] - 1), (fair[-1], fair[-1] + 1)):
        if 0 <= outside < len(tried):
            pairs.append(np.geomspace(tried[inside], tried[outside], FINER))
    return np.concatenate(pairs) if pairs else tried[:0]
