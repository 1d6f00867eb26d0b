"""A strategy around another one: it passes everything on, and whoever derives changes a part."""

import numpy as np

from flaky_load_balancer.core.state import State
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import (
    Action,
    Context,
    Feedback,
    Floats,
    Ints,
    Preference,
    Reward,
    Rules,
    Sent,
)


class Wrapped(Strategy):
    """Passes everything on to ``inner``."""

    def __init__(self, inner: Strategy) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return repr(self.inner)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.inner.reset(rules, replications, rng)

    def select(self, context: Context) -> Action:
        return self.inner.select(context)

    def observe(self, feedback: Feedback) -> None:
        self.inner.observe(feedback)

    def reward(self, reward: Reward) -> None:
        self.inner.reward(reward)

    def prefer(self, preference: Preference) -> None:
        self.inner.prefer(preference)

    def note(self, sent: Sent) -> None:
        self.inner.note(sent)

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        self.inner.withdraw(rows, requests)

    def state(self) -> State:
        return self.inner.state()

    def load(self, state: State) -> None:
        self.inner.load(state)

    def resize(self, keep: Ints) -> None:
        self.inner.resize(keep)

    def retry_at(self, now: Floats) -> Floats:
        return self.inner.retry_at(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.inner.beliefs(now)


def notes(strategy: Strategy) -> bool:
    """Whether a strategy wants to know what replicas send and promise, before it ends."""
    while isinstance(strategy, Wrapped):
        strategy = strategy.inner
    return type(strategy).note is not Strategy.note
