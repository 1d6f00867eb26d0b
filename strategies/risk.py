"""risk: averse to long waits; it takes the server that has a success for the least bad time.

Where latencies have heavy tails, servers that are alike on average are not alike for the one
request in a hundred that waits longest.  What is bad of a server is the CVaR of its latencies, the
mean of the worst of them, or their median of means (``measure``).  Both that and the chance of a
success are drawn from what was seen, as in Thompson sampling.

Source: Baudry, Gautron, Kaufmann and Maillard, ICML 2021, for the draws of CVaR; Bubeck,
Cesa-Bianchi and Lugosi, IEEE Trans. Information Theory 59 (2013), for the median of means.

    index = -(drawn seconds) / (drawn chance of success)

A failure took its own time and that of the attempt that follows; what was cut off would have taken
longer.  Untried servers first, refusals are failures.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.counts import Counts
from strategies.parts.numbers import require, require_one_of
from strategies.parts.tails import Tails

MEASURES = "cvar", "median-of-means"


@dataclass
class Risk(Strategy):
    """Take the server with the least drawn seconds of the worst case for each success."""

    measure: str = "cvar"
    level: float = 0.9  # CVaR is the mean of the 1 - level longest latencies
    blocks: int = 5  # of the median of means
    memory: int = 200  # latencies of each server
    concentration: float = 4.0  # of draws; 1 explores as published
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require_one_of("measure", self.measure, MEASURES)
        require("level", self.level, least=0, most=0.999)
        require("blocks", self.blocks, least=1, most=100, whole=True)
        require("memory", self.memory, least=1, most=10_000, whole=True)
        require("concentration", self.concentration, least=0.1, most=1e6)
        if self.memory % self.blocks:
            raise ValueError(f"memory must be a multiple of blocks = {self.blocks}")
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=True)
        self.tails = Tails(replications, rules.arms, self.memory, self.concentration)

    def select(self, context: Context) -> Action:
        rows = context.rows
        if self.measure == "cvar":
            seconds = self.tails.draw_cvar(rows, 1.0 - self.level, self.rng)
        else:
            seconds = self.tails.draw_mean(rows, self.blocks, self.rng)
        chance = np.maximum(self.posterior.draw(rows, self.rng), 1e-9)
        return best(context, -seconds / chance)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.tails.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs() | {"cvar_s": self.tails.cvar(1.0 - self.level)}
