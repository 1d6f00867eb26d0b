"""Every strategy, by the name that the command line and the dashboard use."""

from flaky_load_balancer.core.strategy import Strategy
from strategies.balanced import Balanced
from strategies.cascade import Cascade
from strategies.kl_ucb import KLUCB
from strategies.lagrange import Lagrange
from strategies.oracle import Oracle
from strategies.outlier import Outlier
from strategies.p2c_ewma import P2cEwma
from strategies.primal_dual import PrimalDual
from strategies.random_choice import RandomChoice
from strategies.round_robin import RoundRobin
from strategies.v1_intuition import Intuition
from strategies.v2_ucb1 import UCB1
from strategies.v3_adjusted_ucb import AdjustedUCB
from strategies.v4_thompson import Thompson
from strategies.v5_modified_thompson import ModifiedThompson
from strategies.v6_thompson_masked import ThompsonMasked
from strategies.v7_sliding_window import SlidingWindow
from strategies.v8_blocking import Blocking

STRATEGIES: dict[str, type[Strategy]] = {
    "v1": Intuition,
    "v2": UCB1,
    "v3": AdjustedUCB,
    "v4": Thompson,
    "v5": ModifiedThompson,
    "v6": ThompsonMasked,
    "v7": SlidingWindow,
    "v8": Blocking,
    "random": RandomChoice,
    "round-robin": RoundRobin,
    "p2c-ewma": P2cEwma,
    "outlier": Outlier,
    "kl-ucb": KLUCB,
    "primal-dual": PrimalDual,
    "balanced": Balanced,
    "lagrange": Lagrange,
    "cascade": Cascade,
    "oracle": Oracle,
}
