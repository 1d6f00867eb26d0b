"""eps-greedy: the best mean utility, and now and then any server.

What every contextual strategy is held to first: it ignores what a request is about.

Source: Sutton and Barto, "Reinforcement Learning", section 2.2; the decaying epsilon is that of
the routing studies that the project started from.

    epsilon_t = max(least, epsilon x epsilon_decay^t)
    utility = quality - costs (``parts/utility``)
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Action, Context, Floats, Rules
from strategies.parts.exploration import Exploration, greedy_probability
from strategies.parts.means import Means
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility


@dataclass
class EpsGreedy(OnUtility):
    """Take the server with the largest mean utility so far, or any."""

    epsilon: float = 1.0
    epsilon_decay: float = 0.98
    least: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        require("epsilon", self.epsilon, least=0, most=1)
        require("epsilon_decay", self.epsilon_decay, above=0, most=1)
        require("least", self.least, least=0, most=1)

    def model(self, rules: Rules, replications: int) -> Means:
        return Means(replications, rules.arms, decay=self.decay)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        coin = self.epsilon, self.epsilon_decay, self.least
        self.exploration = Exploration(replications, *coin, rng)

    def index(self, context: Context, x: Floats) -> Floats:
        chance = self.exploration.chance(context)
        return self.exploration.mixed(self.utility.mean(context.rows, x), chance)

    def probability(self, context: Context, x: Floats, action: Action) -> Floats:
        chance = self.exploration.chance(context)
        self.exploration.count(context)
        return greedy_probability(action, self.utility.mean(context.rows, x), chance)
