"""What a server is worth to a request: quality less what it costs in dollars and seconds.

    utility = quality - usd x dollars - seconds x seconds        (``Rules.usd``, ``Rules.seconds``)

Quality is 0 where an attempt failed.  Where it succeeded it is 1, or, if rewards come later
(``Rules.rewards``), what the reward says, and nothing is learnt of it until then.  Costs are known
as soon as an attempt ends, and are learnt apart.  Refusals and cancelled attempts say nothing of
either.
"""

from typing import Generic, Protocol, TypeVar

import numpy as np

from flaky_load_balancer.core.types import Bools, Feedback, Floats, Ints, Outcome, Reward, Rules

SUCCEEDED, FAILED = int(Outcome.SUCCEEDED), int(Outcome.FAILED)


class Model(Protocol):
    """What can be learnt of a value: ``Ridge`` or ``Means``."""

    def mean(self, rows: Ints, x: Floats) -> Floats: ...
    def learn(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None: ...
    def correct(self, rows: Ints, arm: Ints, x: Floats, change: Floats) -> None: ...
    def pulls(self, rows: Ints) -> Floats: ...


M = TypeVar("M", bound=Model)


class Utility(Generic[M]):
    """A model of quality and, where costs count, one of costs."""

    def __init__(self, rules: Rules, quality: M, cost: M | None, total: Floats) -> None:
        """``total`` (R, d): zeros, to be the sum of the features seen."""
        self.rules = rules
        self.quality, self.cost = quality, cost
        self.attempts: Floats = np.zeros(len(total))
        self.total = total

    def mean(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) the utility to expect."""
        quality = self.quality.mean(rows, x)
        return quality if self.cost is None else quality - self.cost.mean(rows, x)

    def observe(self, feedback: Feedback) -> None:
        """Learn from how attempts ended: costs at once, quality as far as it is known."""
        succeeded: Bools = feedback.outcome == SUCCEEDED
        tried = succeeded | (feedback.outcome == FAILED)
        self.attempts[feedback.rows] += 1.0
        self.total[feedback.rows] += features(feedback.rows, feedback.features)
        if self.cost is not None:
            self._learn_costs(feedback, tried)
        judged = tried & ~succeeded if self.rules.rewards else tried
        those = np.flatnonzero(judged)
        if those.size:
            x = features(feedback.rows, feedback.features).take(those, 0)
            rows, arm = feedback.rows.take(those), feedback.arm.take(those)
            self.quality.learn(rows, arm, x, succeeded.take(those).astype(float))

    def reward(self, reward: Reward) -> None:
        """Learn what answers were worth, or that they were worth something else."""
        x = features(reward.rows, reward.features)
        first = np.isnan(reward.previous)
        new, again = np.flatnonzero(first), np.flatnonzero(~first)
        if new.size:
            self.quality.learn(reward.rows[new], reward.arm[new], x.take(new, 0), reward.value[new])
        if again.size:
            change = (reward.value - reward.previous)[again]
            self.quality.correct(reward.rows[again], reward.arm[again], x.take(again, 0), change)

    def beliefs(self) -> dict[str, Floats]:
        """For people, (R, K): utility and quality for the average of the features seen."""
        rows = np.arange(len(self.attempts))
        x = self.total / np.maximum(self.attempts, 1.0)[:, None]
        pulls = self.quality.pulls(rows)
        quality, utility = self.quality.mean(rows, x), self.mean(rows, x)
        return {
            "mean": np.where(pulls > 0, np.clip(quality, 0.0, 1.0), 0.5),
            "utility": np.where(pulls > 0, utility, 0.0),
            "pulls": pulls,
        }

    def _learn_costs(self, feedback: Feedback, tried: Bools) -> None:
        assert self.cost is not None
        those = np.flatnonzero(tried)
        if those.size:
            x = features(feedback.rows, feedback.features).take(those, 0)
            price = self.rules.usd * feedback.cost + self.rules.seconds * feedback.latency
            self.cost.learn(
                feedback.rows.take(those), feedback.arm.take(those), x, price.take(those)
            )


def features(rows: Ints, given: Floats | None) -> Floats:
    """(n, d) the features of requests, or a constant where there are none."""
    return np.ones((len(rows), 1)) if given is None else given
