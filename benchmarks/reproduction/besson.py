"""The two problems of Besson et al. on which servers change, and strategies tuned for them.

Source: Besson, Kaufmann, Maillard and Seznec, JMLR 2022 (arXiv 1902.01575), section 6: three arms,
five segments of equal length.  Each strategy has the parameters that its paper names for T rounds
and Y changes.
"""

from math import log, sqrt

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from strategies.d_ts import DiscountedThompson
from strategies.d_ucb import DiscountedUCB
from strategies.glr_klucb import GLRKLUCB
from strategies.kl_ucb import KLUCB
from strategies.sw_ts import SlidingWindowThompson
from strategies.sw_ucb import SlidingWindowUCB
from strategies.v2_ucb1 import UCB1
from strategies.v4_thompson import Thompson

PROBLEMS = {
    "problem 1": np.array(
        [[0.9, 0.5, 0.3], [0.9, 0.2, 0.3], [0.1, 0.2, 0.3], [0.1, 0.7, 0.3], [0.1, 0.7, 0.5]]
    ),
    "problem 2": np.array(
        [[0.9, 0.5, 0.4], [0.7, 0.4, 0.5], [0.5, 0.3, 0.6], [0.3, 0.2, 0.7], [0.1, 0.1, 0.8]]
    ),
}
ROUNDS, CHANGES, ARMS = 5000, 4, 3


def strategies() -> dict[str, Strategy]:
    """By the names that the paper has for them."""
    memory = round(2 * sqrt(ROUNDS * log(ROUNDS) / CHANGES))
    discount = 1 - sqrt(CHANGES / ROUNDS) / 4
    delta, explore = 1 / sqrt(ROUNDS), sqrt(ARMS * log(ROUNDS) / ROUNDS)
    return {
        "SW-TS": SlidingWindowThompson(memory),
        "D-TS": DiscountedThompson(discount),
        "SW-klUCB": SlidingWindowUCB(memory, bound="kl"),
        "D-klUCB": DiscountedUCB(discount, bound="kl"),
        "GLR-klUCB, local": GLRKLUCB(delta, explore),
        "GLR-klUCB, global": GLRKLUCB(delta, explore, restart="global"),
        "UCB1": UCB1(),
        "klUCB": KLUCB(),
        "Thompson": Thompson(),
    }
