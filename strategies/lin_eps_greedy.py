"""lin-eps-greedy: eps-greedy over a ridge regression for each server.

Source: the "contextual variants" of epsilon-greedy in the routing studies that the project started
from: ridge regression with lambda 0.25, without centring; decay of epsilon 0.985.

    utility of a server = x^T theta (``parts/ridge``);  epsilon_t as in ``eps-greedy``
"""

from dataclasses import dataclass

from flaky_load_balancer.core.types import Rules
from strategies.eps_greedy import EpsGreedy
from strategies.parts.numbers import require
from strategies.parts.ridge import Ridge


@dataclass
class LinEpsGreedy(EpsGreedy):
    """Take the server with the largest utility expected for these features, or any."""

    epsilon_decay: float = 0.985
    strength: float = 10.0
    centre: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require("strength", self.strength, above=0)

    def model(self, rules: Rules, replications: int) -> Ridge:  # type: ignore[override]
        shape = replications, rules.arms, self.dimension(rules)
        strength = self.strengths(rules, self.strength, apart=self.centre)
        return Ridge(*shape, strength=strength, decay=self.decay, centre=self.centre)
