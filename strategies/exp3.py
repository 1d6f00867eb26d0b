"""exp3: servers are drawn by weights that nobody can exploit, however rates change.

It is proven against an adversary, who would know every other strategy here by heart, and pays for
it with a share gamma of draws that are blind.

Source: Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 32 (2002), section 3; over T
rounds gamma = min(1, sqrt(K ln K / ((e - 1) T))).  Untried servers first, refusals are failures.

    p = (1 - gamma) w / sum w + gamma / K,  w of the server attempted *= exp(gamma x / (p K))
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.exponential import ExponentialWeights
from strategies.parts.numbers import require


@dataclass
class Exp3(Strategy):
    """Draw a server by exponential weights."""

    gamma: float = 0.1

    def __post_init__(self) -> None:
        require("gamma", self.gamma, above=0, most=1)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.weights = ExponentialWeights((replications, rules.arms), self.gamma, 0.0, rng)

    def select(self, context: Context) -> Action:
        return self.weights.choose(context)

    def observe(self, feedback: Feedback) -> None:
        self.weights.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return {"probability": self.weights.chance(np.arange(len(now)))}
