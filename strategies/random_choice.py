"""random: uniform among the servers that a request has not tried, then among all.

The least one can do, and the measure of whether learning pays.  The index it shows is the random
keys, of which the highest wins.

Source: none needed.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best, candidates, uniform
from flaky_load_balancer.core.types import Action, Context, Feedback, Rules


@dataclass
class RandomChoice(Strategy):
    """Choose uniformly at random, untried servers first."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.rng = rng

    def select(self, context: Context) -> Action:
        among = candidates(context)
        return best(context, self.rng.random(among.shape), among, probability=uniform(among))

    def observe(self, feedback: Feedback) -> None:
        """Learns nothing."""
