"""sw-ucb: UCB1 that remembers the last attempts only.

Where servers change, what was seen long ago misleads.  The width is that of the window, so a
server that was not attempted within it is unknown again and is tried.

Source: Garivier and Moulines, ALT 2011 (arXiv 0805.3415), section 3.2; xi = 0.6 as there.  With
Y changes in T rounds they take memory = 2 sqrt(T ln T / Y).  ``bound=kl`` has the width of
``kl-ucb`` in place of Hoeffding's.  Untried servers first, refusals are failures.

    index = S / n + sqrt(xi ln min(t, memory) / n), S and n among the last ``memory`` rounds
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.numbers import require, require_one_of
from strategies.parts.optimism import BOUNDS, Optimism, upper
from strategies.parts.window import Window


@dataclass
class SlidingWindowUCB(Strategy):
    """Take the largest upper confidence bound of the last rounds."""

    memory: int = 200
    xi: float = 0.6
    bound: str = "hoeffding"

    def __post_init__(self) -> None:
        require("memory", self.memory, least=1, most=100_000, whole=True)
        require("xi", self.xi, least=0)
        require_one_of("bound", self.bound, BOUNDS)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.counts = Window(replications, rules.arms, self.memory)
        self.optimism = Optimism(self.counts, upper(self.bound, self.xi), rng)

    def select(self, context: Context) -> Action:
        return self.optimism.choose(context)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.optimism.beliefs()
