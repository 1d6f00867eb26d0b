"""thompson-gauss: Thompson sampling on utilities, whatever the features.

A baseline of ``lints``.

Source: Agrawal and Goyal 2013 (AISTATS), algorithm 2, Gaussian priors.

    index ~ N(mean, v^2 / (1 + n)); the mean of n utilities, that of all servers before the first
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Context, Floats, Rules
from strategies.parts.means import Means
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility


@dataclass
class ThompsonGauss(OnUtility):
    """Take the server with the largest draw from the normal distribution of its mean utility."""

    v: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require("v", self.v, least=0)

    def model(self, rules: Rules, replications: int) -> Means:
        return Means(replications, rules.arms, decay=self.decay)

    def index(self, context: Context, x: Floats) -> Floats:
        mean = self.utility.mean(context.rows, x)
        spread = self.v / np.sqrt(1.0 + self.utility.quality.pulls(context.rows))
        index: Floats = mean + spread * self.rng.standard_normal(mean.shape)
        return index
