"""exp3-s: exp3 in which every weight gets a share of all, so that none is lost for ever.

So it keeps up with the best sequence of servers, and not only with the best server.

Source: Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 32 (2002), section 8; over T
rounds share = 1 / T, and with Y changes gamma = min(1, sqrt(K (Y ln(K T) + e) / ((e - 1) T))).
Untried servers first, refusals are failures.

    as exp3, then every w += e share sum w / K
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Rules
from strategies.exp3 import Exp3
from strategies.parts.exponential import ExponentialWeights
from strategies.parts.numbers import require


@dataclass
class Exp3S(Exp3):
    """Draw a server by exponential weights that are shared."""

    gamma: float = 0.2
    share: float = 0.001

    def __post_init__(self) -> None:
        super().__post_init__()
        require("share", self.share, above=0, most=1)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.weights = ExponentialWeights((replications, rules.arms), self.gamma, self.share, rng)
