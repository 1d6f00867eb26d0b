"""linucb: the largest utility that these features leave possible.

Source: Li, Chu, Langford and Schapire 2010 (WWW), algorithm 1, disjoint linear models; with
``delta``, alpha is what their bound asks for.  ``centre=false`` is the published algorithm; the
routing studies that the project started from play it with alpha 0.1 and strength 0.05.  With
rewards in [0, 1] that are high it never leaves the first server, and it learns each task of each
server from nothing; ``centre`` is the cure of both (``parts/ridge``).

    index = x^T theta + alpha sqrt(x^T A^-1 x), A = strength I + sum x x^T
    alpha = 1 + sqrt(ln(2 / delta) / 2) where delta is given
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Action, Context, Floats, Rules
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility
from strategies.parts.ridge import Ridge


@dataclass
class LinUCB(OnUtility):
    """Take the server whose utility may be largest for these features."""

    alpha: float = 0.3
    strength: float = 5.0
    delta: float | None = None
    centre: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require("alpha", self.alpha, least=0)
        require("strength", self.strength, above=0)
        if self.delta is not None:
            require("delta", self.delta, above=0, most=1)

    @property
    def width(self) -> float:
        """How many standard errors above the mean an index is."""
        if self.delta is None:
            return self.alpha
        return 1.0 + float(np.sqrt(np.log(2.0 / self.delta) / 2.0))

    def model(self, rules: Rules, replications: int) -> Ridge:
        shape = replications, rules.arms, self.dimension(rules)
        strength = self.strengths(rules, self.strength, apart=self.centre)
        return Ridge(*shape, strength=strength, decay=self.decay, centre=self.centre)

    def index(self, context: Context, x: Floats) -> Floats:
        width = self.utility.quality.width(context.rows, x)
        index: Floats = self.utility.mean(context.rows, x) + self.width * width
        return index

    def probability(self, context: Context, x: Floats, action: Action) -> Floats:  # noqa: ARG002
        return np.ones(len(context.rows))  # there is no chance in it
