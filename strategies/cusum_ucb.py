"""cusum-ucb: UCB1 that begins again with a server whose rate is seen to change.

Sums of deviations tell small lasting changes from chance.  To see changes of servers that are not
the best, any server is chosen now and then.

Source: Liu, Lee and Shroff, AAAI 2018 (arXiv 1711.03539), algorithms 1 and 2.  With Y changes in T
rounds they take threshold = ln(T / Y) and explore = sqrt(Y / T ln(T / Y)).  Untried servers first,
refusals are failures.

    index = S / n + sqrt(xi ln t / n), S and n since the server's last alarm, t the sum of all n
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.change import Cusum
from strategies.parts.counts import SUCCEEDED, Counts
from strategies.parts.exploration import Exploration, greedy_probability
from strategies.parts.numbers import require
from strategies.parts.optimism import Optimism
from strategies.parts.window import rounds


@dataclass
class CusumUCB(Strategy):
    """Take the largest upper confidence bound since the last change, or any server."""

    first: int = 100
    tolerance: float = 0.1
    threshold: float = 7.0
    explore: float = 0.05
    xi: float = 1.0

    def __post_init__(self) -> None:
        require("first", self.first, least=1, whole=True)
        require("tolerance", self.tolerance, least=0, most=1)
        require("threshold", self.threshold, above=0)
        require("explore", self.explore, least=0, most=1)
        require("xi", self.xi, least=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        shape = replications, rules.arms
        self.counts = Counts(*shape)
        self.detector = Cusum(shape, self.first, self.tolerance, self.threshold)
        self.optimism = Optimism(self.counts, self._bound, rng)
        self.exploration = Exploration(replications, self.explore, 1.0, 0.0, rng)

    def select(self, context: Context) -> Action:
        index, _ = self.optimism.index(context.rows)
        chance = self.exploration.chance(context)
        action = best(context, self.exploration.mixed(index, chance))
        action.probability = greedy_probability(action, index, chance)
        return action

    def observe(self, feedback: Feedback) -> None:
        feedback = rounds(feedback)
        rows, arm = feedback.rows, feedback.arm
        self.counts.learn(feedback)
        alarm = self.detector.learn(rows, arm, feedback.outcome == SUCCEEDED)
        self.counts.forget(rows[alarm], arm[alarm])

    def alarms(self) -> Floats:
        return self.detector.alarms

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.optimism.beliefs()

    def _bound(self, rate: Floats, log_t: Floats, n: Floats) -> Floats:
        bound: Floats = rate + np.sqrt(self.xi * log_t / n)
        return bound
