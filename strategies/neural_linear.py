"""neural-linear: lints on features that a neural network learns.

Source: Riquelme, Tucker and Snoek 2018 (ICLR), "Deep Bayesian Bandits Showdown: An Empirical
Comparison of Bayesian Deep Networks for Thompson Sampling", neural linear (``parts/represented``).

    index = line(x) + belief h^T theta, theta ~ N(A^-1 b, v^2 A^-1),   h = tanh(x W + w)

For what a server is good at in some combination of features, which no sum over them can say.
"""

from dataclasses import dataclass

from flaky_load_balancer.core.types import Rules
from strategies.lints import LinThompson
from strategies.parts.numbers import require
from strategies.parts.represented import Represented


@dataclass
class NeuralLinear(LinThompson):
    """Take the server with the largest utility drawn for features that were learnt."""

    hidden: int = 32  # learnt features
    rate: float = 0.01  # of learning them
    memory: int = 500  # observations of a server that they are learnt from
    spread: float = 1.0  # variance of the weights of learnt features, before anything is seen

    def __post_init__(self) -> None:
        super().__post_init__()
        require("hidden", self.hidden, least=1, most=1024, whole=True)
        require("rate", self.rate, above=0, most=1)
        require("memory", self.memory, least=10, most=100_000, whole=True)
        require("spread", self.spread, above=0)
        if self.decay < 1.0 or not self.centre:
            raise ValueError("decay and centre must be as they are: memory says what is forgotten")

    def model(self, rules: Rules, replications: int) -> Represented:  # type: ignore[override]
        return Represented(
            super().model(rules, replications),
            replications,
            strength=1.0 / self.spread,
            hidden=self.hidden,
            rate=self.rate,
            memory=self.memory,
            rng=self.rng,
        )
