"""A strategy that does as it is told, and remembers what it was told."""

from collections.abc import Iterable

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import HOLD, Action, Context, Feedback, Ints, Outcome, Rules


class Scripted(Strategy):
    """Answers with these servers, HOLD or GIVE_UP, one after the other; holds last ``hold``."""

    def __init__(self, arms: Iterable[int], hold: float = 1.0) -> None:
        self.arms = iter(arms)
        self.hold = hold
        self.asked: list[Context] = []
        self.told: list[tuple[float, int, Outcome]] = []
        self.retry_after: list[float] = []
        self.latency: list[float] = []
        self.feedback: list[Feedback] = []
        self.withdrawn: list[tuple[int, int]] = []

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None: ...

    def select(self, context: Context) -> Action:
        self.asked.append(context)
        arm = np.array([next(self.arms) for _ in context.rows])
        until = np.where(arm == HOLD, context.now + self.hold, np.nan)
        return Action(arm, until, index=np.zeros(context.tried.shape), eligible=~context.tried)

    def observe(self, feedback: Feedback) -> None:
        self.feedback.append(feedback)
        for now, arm, outcome in zip(feedback.now, feedback.arm, feedback.outcome, strict=True):
            self.told.append((float(now), int(arm), Outcome(outcome)))
        self.retry_after += feedback.retry_after.tolist()
        self.latency += feedback.latency.tolist()

    def resize(self, keep: Ints) -> None: ...

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        self.withdrawn += zip(rows.tolist(), requests.tolist(), strict=True)
