"""round-robin: each server in turn, skipping those that a request has tried.

What most load balancers do unless told otherwise.  The index it shows is how near a server's turn
is: 0 for the next one, -1 for the one after it.

Source: none needed.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Ints, Rules
from strategies.parts.turn import Turn


@dataclass
class RoundRobin(Strategy):
    """Take servers in turn, untried ones first."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.turn = Turn(replications, rules.arms)

    def select(self, context: Context) -> Action:
        action = best(context, self.turn.nearness(context.rows), probability=1.0)
        self.turn.pass_on(context.rows, action.arm)
        return action

    def observe(self, feedback: Feedback) -> None:
        """Learns nothing."""

    def resize(self, keep: Ints) -> None:
        super().resize(keep)
        self.turn.resize(keep)
