"""A small world to play contextual strategies on, one attempt at a time."""

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Outcome, Reward, Rules

RULES = Rules(arms=3, free_attempts=1, max_attempts=1, features=4, tasks=(0, 2), rewards=True)
ROW = np.zeros(1, dtype=np.intp)


class Desk:
    """Asks a strategy for one request after the other, and tells it what came of them."""

    def __init__(self, strategy: Strategy, rules: Rules = RULES, seed: int = 0) -> None:
        strategy.reset(rules, 1, np.random.default_rng(seed))
        self.strategy, self.rules, self.count = strategy, rules, 0

    def ask(self, x: Floats, *, reserve: Floats | None = None, attempt: int = 1) -> Action:
        self.count += attempt == 1
        tried = np.zeros((1, self.rules.arms), dtype=bool)
        context = Context.of(
            ROW,
            np.array([float(self.count)]),
            np.array([attempt]),
            tried,
            np.array([1e9]),
            request=np.array([self.count]),
            features=x[None, :],
            reserve=None if reserve is None else reserve[None, :],
        )
        return self.strategy.select(context)

    def answer(self, arm: int, x: Floats, value: float | None, cost: float = 0.0) -> None:
        """The server answered, and that was worth so much; None: it failed."""
        outcome = Outcome.FAILED if value is None else Outcome.SUCCEEDED
        now, request = np.array([self.count + 0.5]), np.array([self.count])
        self.strategy.observe(
            Feedback.of(
                ROW,
                now,
                np.array([arm]),
                np.array([int(outcome)]),
                np.array([0.5]),
                np.array([np.nan]),
                request=request,
                cost=np.array([cost]),
                features=x[None, :],
            )
        )
        if value is not None and self.rules.rewards:
            self.judge(arm, x, value)

    def judge(self, arm: int, x: Floats, value: float, previous: float = np.nan) -> None:
        request = np.array([self.count])
        self.strategy.reward(
            Reward(
                ROW,
                np.array([self.count + 1.0]),
                request,
                np.array([arm]),
                np.array([value]),
                np.array([previous]),
                x[None, :],
            )
        )


def requests(n: int, seed: int = 1) -> Floats:
    """(n, 4) features: which of two tasks, and two numbers that mean nothing."""
    rng = np.random.default_rng(seed)
    task = rng.integers(2, size=n)
    return np.hstack([np.eye(2)[task], rng.standard_normal((n, 2))])


def worth(arm: int, x: Floats) -> float:
    """Server 0 is good at task 0, server 1 at task 1, server 2 at nothing."""
    return [[0.9, 0.2, 0.3], [0.1, 0.8, 0.3]][int(x[1] > x[0])][arm]
