"""PrimalDualBwK as in the paper, on parts of our strategy ``primal-dual``.

Two arms of .9 and .8, each with an own budget of half the rounds; time is the third resource.
Whoever plays only the better arm stops half-way, so a mix is optimal: OPT_LP = .85 T.

Source: Badanidiyuru, Kleinberg and Slivkins (arXiv 1305.2545), section 5, algorithm 2, and
example 1.1 for why a mix is needed.  The paper has no numbers; those we compare with come from
runs of another implementation.
"""

from math import log

import numpy as np

from flaky_load_balancer.core.types import Floats
from strategies.parts.confidence import lower, share, upper
from strategies.parts.prices import Prices

RATES = np.array([0.9, 0.8])
ARMS, RESOURCES = 2, 3


def theory(rounds: int) -> float:
    """The constant C of the confidence radius for which the paper proves its bound."""
    return log(RESOURCES * rounds * ARMS)


def primal_dual(rounds: int, confidence: float, *, replications: int, seed: int = 0) -> Floats:
    """(R,) reward over OPT_LP: each arm once, then the best index until a budget is empty."""
    world = np.random.default_rng(seed)
    rows, time = np.arange(replications), np.full((replications, 1), 0.5)  # costs B / T a round
    budget = np.full(replications, rounds / 2)
    prices, goes_on = Prices(replications, 1, ARMS), np.ones(replications, dtype=bool)
    pulls, rewards = np.zeros((replications, ARMS)), np.zeros((replications, ARMS))
    for t in range(rounds):
        arm = np.full(replications, t)
        if t >= ARMS:
            own = lower(np.ones(pulls.shape), pulls, confidence)
            reward = upper(share(rewards, pulls), pulls, confidence)
            arm = (reward / prices.charge(rows, time, own)).argmax(axis=1)
            prices.rise(rows, arm, time, own[rows, arm], budget)
        goes_on &= pulls[rows, arm] < budget
        pulls[rows, arm] += goes_on
        rewards[rows, arm] += goes_on & (world.random(replications) < RATES[arm])
    ratio: Floats = rewards.sum(axis=1) / (RATES.sum() * rounds / 2)
    return ratio


def best_fixed(rounds: int, *, replications: int, seed: int = 0) -> Floats:
    """(R,) reward over OPT_LP of playing the better arm until its budget is empty."""
    world = np.random.default_rng(seed)
    ratio: Floats = world.binomial(rounds // 2, RATES[0], replications) / (RATES.sum() * rounds / 2)
    return ratio
