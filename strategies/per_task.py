"""per-task: one strategy of another kind for each task, which share nothing.

Source: "run multiple bandits for different task types", the pattern "adaptive model selection" that
the project started from.  The task is read off the features: the columns of ``Rules.tasks`` are one
for each task, and the largest says which it is; without such columns there is one task.

    row' = row x tasks + task: the inner strategy plays replications x tasks games of its own
"""

from dataclasses import dataclass, replace

import numpy as np

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


@dataclass
class PerTask(Strategy):
    """Ask the strategy of the request's task."""

    inner: str = "thompson-gauss"

    def __post_init__(self) -> None:
        self._inner()

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.first, last = rules.tasks
        self.tasks = max(1, last - self.first)
        self.strategy = self._inner()
        self.strategy.reset(rules, replications * self.tasks, rng)

    def select(self, context: Context) -> Action:
        return self.strategy.select(replace(context, rows=self._rows(context)))

    def observe(self, feedback: Feedback) -> None:
        self.strategy.observe(replace(feedback, rows=self._rows(feedback)))

    def reward(self, reward: Reward) -> None:
        self.strategy.reward(replace(reward, rows=self._rows(reward)))

    def prefer(self, preference: Preference) -> None:
        self.strategy.prefer(replace(preference, rows=self._rows(preference)))

    def note(self, sent: Sent) -> None:
        self.strategy.note(replace(sent, rows=sent.rows * self.tasks))

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        for task in range(self.tasks):
            self.strategy.withdraw(rows * self.tasks + task, requests)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        """The mean over tasks of what is believed for each."""
        believed = self.strategy.beliefs(np.repeat(now, self.tasks))
        shape = len(now), self.tasks, -1
        return {key: value.reshape(shape).mean(axis=1) for key, value in believed.items()}

    def _rows(self, batch: Context | Feedback | Reward | Preference) -> Ints:
        """(n,) the inner strategy's rows."""
        if self.tasks == 1 or batch.features is None:
            return batch.rows * self.tasks
        marks = batch.features[:, self.first : self.first + self.tasks]
        rows: Ints = batch.rows * self.tasks + marks.argmax(axis=1)
        return rows

    def _inner(self) -> Strategy:
        from strategies import STRATEGIES  # noqa: PLC0415 (which names this class, too)

        kinds = {name: kind for name, kind in STRATEGIES.items() if name not in _OUTSIDE}
        if self.inner not in kinds:
            raise ValueError(f"inner must be one of {', '.join(kinds)}, not {self.inner!r}")
        return kinds[self.inner]()


_OUTSIDE = {"per-task", "oracle"}  # would ask for itself; is told of servers by row
