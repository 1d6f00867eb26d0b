"""V4, Thompson sampling: choose each server as often as it may be the best.

Draw a success probability for every server from what is believed of it and send the request
where the draw is highest.  What is uncertain is drawn high now and then, and so explored.

Source: Thompson, Biometrika 25 (1933); Chapelle and Li, NIPS 2011, algorithm 2; as the published
code of the original (``v4_thompson.py``) plays it: untried servers only, refusals are failures.

    draw ~ Beta(a + successes, b + failures), a = b = 1
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.counts import Counts
from strategies.parts.paid import free_or_paid


@dataclass
class Thompson(Strategy):
    """Take the largest draw from the Beta posteriors."""

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
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
        draw = self.posterior.draw(context.rows, self.rng)
        return best(context, draw)
