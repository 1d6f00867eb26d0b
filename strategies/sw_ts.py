"""sw-ts: Thompson sampling that remembers the last attempts only.

Plain Thompson sampling is the slowest of all to notice a change: it hardly tries what it thinks is
bad.  Here a server that was not attempted within the window has the prior again.

Source: Trovo, Paladino, Restelli and Gatti, JAIR 68 (2020), algorithm 1.  Untried servers first,
refusals are failures.  (``v7`` keeps the last 30 lessons of each server instead.)

    draw ~ Beta(a + successes, b + failures), both among the last ``memory`` rounds
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.numbers import require
from strategies.parts.window import Window


@dataclass
class SlidingWindowThompson(Strategy):
    """Take the largest draw from the posteriors of the last rounds."""

    memory: int = 200
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("memory", self.memory, least=1, most=100_000, whole=True)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.counts = Window(replications, rules.arms, self.memory)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=True)

    def select(self, context: Context) -> Action:
        return best(context, self.posterior.draw(context.rows, self.rng))

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()
