"""greedy-linucb: LinUCB at every attempt, on the request as it is by then.

Source: Poon et al. 2025, arXiv 2506.17670 ("Online Multi-LLM Selection via Contextual Bandits under
Unstructured Context Evolution"), the greedy algorithm: at each step the server of the largest upper
bound, until one succeeds; alpha 0.675 and lambda 0.45 are theirs.  What evolves here is which step
it is: servers that failed are not asked again before all others were.

    x' = (x, marks of the step);   index = x'^T theta + alpha sqrt(x'^T A^-1 x')
"""

from dataclasses import dataclass

from flaky_load_balancer.core.types import Floats, Ints, Rules
from strategies.linucb import LinUCB
from strategies.parts.numbers import require
from strategies.parts.steps import evolved


@dataclass
class GreedyLinUCB(LinUCB):
    """Take the server that may be worth most at this step."""

    alpha: float = 0.675
    strength: float = 0.45
    steps: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require("steps", self.steps, least=1, most=16, whole=True)

    def dimension(self, rules: Rules) -> int:
        return super().dimension(rules) + self.steps

    def seen(self, x: Floats, attempt: Ints) -> Floats:
        return evolved(x, attempt, self.steps)
