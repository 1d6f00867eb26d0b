"""A strategy of one's own beside the built-in ones: ``python examples/own_strategy.py``."""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer import compare
from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Outcome, Rules


@dataclass
class Optimist(Strategy):
    """Think the best of every server, and a little less of it after each disappointment."""

    step: float = 0.1

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rate = np.ones((replications, rules.arms))

    def select(self, context: Context) -> Action:
        return best(context, self.rate[context.rows])

    def observe(self, feedback: Feedback) -> None:
        seen, delivered = (feedback.rows, feedback.arm), feedback.outcome == Outcome.SUCCEEDED
        self.rate[seen] += self.step * (delivered - self.rate[seen])


if __name__ == "__main__":
    rivals = ["v4", "v6", "p2c-ewma"]
    summary, _ = compare([Optimist(), Optimist(0.3), *rivals], ["T1", "T2"], replications=200)
    print(summary[["scenario", "strategy", "score", "score_low", "score_high", "group"]].round(2))
