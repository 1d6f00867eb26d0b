"""Every strategy, by the name that the command line and the dashboard use."""

from flaky_load_balancer.core.strategy import Strategy
from strategies.balanced import Balanced
from strategies.bayes_ucb import BayesUCB
from strategies.bootstrap_trees import BootstrapTrees
from strategies.budget_linucb import BudgetLinUCB
from strategies.cascade import Cascade
from strategies.cusum_ucb import CusumUCB
from strategies.d_ts import DiscountedThompson
from strategies.d_ucb import DiscountedUCB
from strategies.eps_greedy import EpsGreedy
from strategies.exp3 import Exp3
from strategies.exp3_s import Exp3S
from strategies.fanout import Fanout
from strategies.glr_klucb import GLRKLUCB
from strategies.greedy_linucb import GreedyLinUCB
from strategies.kl_ucb import KLUCB
from strategies.knapsack_linucb import KnapsackLinUCB
from strategies.lagrange import Lagrange
from strategies.lazy_ts import LazyThompson
from strategies.lin_eps_greedy import LinEpsGreedy
from strategies.lints import LinThompson
from strategies.linucb import LinUCB
from strategies.mixllm import MixLLM
from strategies.neural_linear import NeuralLinear
from strategies.oracle import Oracle
from strategies.outlier import Outlier
from strategies.p2c_ewma import P2cEwma
from strategies.pacer import Pacer
from strategies.per_task import PerTask
from strategies.pilot import Pilot
from strategies.primal_dual import PrimalDual
from strategies.random_choice import RandomChoice
from strategies.risk import Risk
from strategies.round_robin import RoundRobin
from strategies.rucb import RUCB
from strategies.sw_ts import SlidingWindowThompson
from strategies.sw_ucb import SlidingWindowUCB
from strategies.thompson_gauss import ThompsonGauss
from strategies.ucb1_utility import UCB1Utility
from strategies.ucb_tuned import UCBTuned
from strategies.v1_intuition import Intuition
from strategies.v2_ucb1 import UCB1
from strategies.v3_adjusted_ucb import AdjustedUCB
from strategies.v4_thompson import Thompson
from strategies.v5_modified_thompson import ModifiedThompson
from strategies.v6_thompson_masked import ThompsonMasked
from strategies.v7_sliding_window import SlidingWindow
from strategies.v8_blocking import Blocking
from strategies.whittle import Whittle

# Those that play the game: attempts at servers that fail and refuse, whatever a request is about.
GAME: dict[str, type[Strategy]] = {
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

# Those that choose by what a request is about, or by what an answer was worth.
CONTEXTUAL: dict[str, type[Strategy]] = {
    "eps-greedy": EpsGreedy,
    "lin-eps-greedy": LinEpsGreedy,
    "linucb": LinUCB,
    "lints": LinThompson,
    "thompson-gauss": ThompsonGauss,
    "ucb1-utility": UCB1Utility,
    "per-task": PerTask,
    "pilot": Pilot,
    "pacer": Pacer,
    "mixllm": MixLLM,
    "neural-linear": NeuralLinear,
    "greedy-linucb": GreedyLinUCB,
    "budget-linucb": BudgetLinUCB,
    "knapsack-linucb": KnapsackLinUCB,
    "rucb": RUCB,
}

# Those made for servers whose rates change, and other bandits of the literature.  `all` leaves them
# out: in points, cascade is ahead of each of them (docs/decisions/0023-drift.md).  `risk` plays for
# the slowest requests instead (docs/decisions/0024-tails.md), `lazy-ts` is for thousands of servers
# (docs/decisions/0025-ten-thousand-servers.md), `fanout` for answers that are urgent
# (docs/decisions/0026-fanout.md), `bootstrap-trees` takes an extra
# (docs/decisions/0027-beyond-linear.md).
PUBLISHED: dict[str, type[Strategy]] = {
    "sw-ucb": SlidingWindowUCB,
    "d-ucb": DiscountedUCB,
    "sw-ts": SlidingWindowThompson,
    "d-ts": DiscountedThompson,
    "cusum-ucb": CusumUCB,
    "glr-klucb": GLRKLUCB,
    "exp3": Exp3,
    "exp3-s": Exp3S,
    "bayes-ucb": BayesUCB,
    "ucb-tuned": UCBTuned,
    "whittle": Whittle,
    "risk": Risk,
    "lazy-ts": LazyThompson,
    "fanout": Fanout,
    "bootstrap-trees": BootstrapTrees,
}

STRATEGIES = GAME | CONTEXTUAL | PUBLISHED
