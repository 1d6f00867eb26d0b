"""lints: Thompson sampling with a linear model for each server.

Source: Agrawal and Goyal 2013 (ICML), "Thompson sampling for contextual bandits with linear
payoffs"; v 0.25 is that of the routing studies that the project started from, whose prior variance
is 2, without centring (``parts/ridge``).  Features count as far as they have foretold, not so with
``centre=false``.

    index = x^T theta, theta ~ N(A^-1 b, v^2 A^-1), A = I / variance + sum x x^T
"""

from dataclasses import dataclass

from flaky_load_balancer.core.types import Context, Floats, Rules
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility
from strategies.parts.ridge import Ridge


@dataclass
class LinThompson(OnUtility):
    """Take the server with the largest utility drawn for these features."""

    v: float = 0.25
    variance: float = 0.1
    centre: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require("v", self.v, least=0)
        require("variance", self.variance, above=0)

    def model(self, rules: Rules, replications: int) -> Ridge:
        shape = replications, rules.arms, self.dimension(rules)
        strength = self.strengths(rules, 1.0 / self.variance, apart=self.centre)
        return Ridge(*shape, strength=strength, decay=self.decay, centre=self.centre, doubted=True)

    def index(self, context: Context, x: Floats) -> Floats:
        mean = self.utility.mean(context.rows, x)
        width = self.utility.quality.width(context.rows, x)
        index: Floats = mean + self.v * width * self.rng.standard_normal(mean.shape)
        return index
