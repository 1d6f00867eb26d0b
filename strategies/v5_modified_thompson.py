"""V5, modified Thompson sampling: V4 with wider posteriors on the first, free attempts.

Exploring is cheapest on the first attempt, since two more free ones can repair it.  There the
posterior is flattened as if only a quarter of its evidence existed; on the second, half.

Source: published code of the original (``v5_thompson_modified.py``).

    v = scale x decay^(attempt - 1), at least 1: 4, 2, 1 on attempts 1, 2, 3
    where v != 1 and a + b > 2:  factor = max(2, (a + b) / v) / (a + b);
                                 a, b times factor, each at least 1
    draw ~ Beta(a, b)
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from strategies.parts.beta import BetaPosterior, draw, require_prior
from strategies.parts.counts import Counts
from strategies.parts.numbers import require
from strategies.parts.paid import free_or_paid


@dataclass
class ModifiedThompson(Strategy):
    """Take the largest draw from Beta posteriors that are flattened on early attempts."""

    scale: float = 4.0
    decay: float = 0.5
    least_total: float = 2.0  # a + b is not scaled below this
    least_shape: float = 1.0  # nor a or b below this
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("scale", self.scale, least=1)
        require("decay", self.decay, above=0, most=1)
        require("least_total", self.least_total, above=0)
        require("least_shape", self.least_shape, least=0.1)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=True)

    def select(self, context: Context) -> Action:
        return free_or_paid(context, self.rules, self.counts, self._free)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()

    def _free(self, context: Context) -> Action:
        shapes = self._scaled(self.posterior.shapes(context.rows), context.attempt)
        return best(context, draw(shapes, self.rng))

    def _scaled(self, shapes: Floats, attempt: Ints) -> Floats:
        """(n, 2, K) the posteriors' a and b, flattened by v."""
        v = np.maximum(self.scale * self.decay ** (attempt - 1.0), 1.0)[:, None, None]
        total = np.add.reduce(shapes, 1, keepdims=True)
        factor = np.maximum(self.least_total, total / v) / total
        scaled = np.maximum(shapes * factor, self.least_shape)
        return np.where((v != 1.0) & (total > self.least_total), scaled, shapes)
