"""ucb1-utility: UCB1 on utilities, whatever the features.

A baseline of ``linucb``.

Source: Auer, Cesa-Bianchi and Fischer 2002, figure 1; the form is that
of the pattern "adaptive model selection" that the project started from.

    unattempted first; then mean utility + sqrt(2 ln t / n), t the utilities of all servers
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Action, Context, Floats, Rules
from strategies.parts.means import Means
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility


@dataclass
class UCB1Utility(OnUtility):
    """Take the server whose mean utility may be largest."""

    c: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require("c", self.c, least=0)

    def model(self, rules: Rules, replications: int) -> Means:
        return Means(replications, rules.arms, decay=self.decay)

    def index(self, context: Context, x: Floats) -> Floats:
        n = self.utility.quality.pulls(context.rows)
        t = np.maximum(n.sum(axis=1), 1.0)[:, None]
        radius = np.sqrt(self.c * np.log(t) / np.maximum(n, 1e-9))
        return np.where(n > 0, self.utility.mean(context.rows, x) + radius, np.inf)

    def probability(self, context: Context, x: Floats, action: Action) -> Floats:  # noqa: ARG002
        return np.ones(len(context.rows))  # there is no chance in it
