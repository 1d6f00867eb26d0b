"""What strategies that rank servers by utility have in common: learning it, and a budget.

One of them says what it learns with (``model``) and how it ranks (``index``); everything else is
the same.  It plays its rule on every attempt, untried servers first.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import (
    GIVE_UP,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Preference,
    Reward,
    Rules,
)
from flaky_load_balancer.core.warm import Warm
from strategies.parts.budget import Budget
from strategies.parts.costs import Costs
from strategies.parts.numbers import require
from strategies.parts.utility import Model, Utility, features

OTHERS = 10.0  # times as firmly as marks of the task other features are held at 0


@dataclass
class OnUtility(Strategy):
    """Send where the index is largest, among servers that the budget allows."""

    decay: float = 1.0  # of what is known of a server, per observation
    budget: float | None = None  # dollars for ``queries`` requests; None: as many as it takes
    queries: int = 1000
    bins: int = 10  # that the queries come in: each may spend its share, and what was left
    warm: Warm | None = None  # what was learnt elsewhere, to begin with

    def __post_init__(self) -> None:
        require("decay", self.decay, above=0, most=1)
        require("queries", self.queries, least=1, whole=True)
        require("bins", self.bins, least=1, most=self.queries, whole=True)
        if self.budget is not None:
            require("budget", self.budget, above=0)

    @abstractmethod
    def model(self, rules: Rules, replications: int) -> Model:
        """A model of a value, for R x K servers."""

    @abstractmethod
    def index(self, context: Context, x: Floats) -> Floats:
        """(n, K) what servers are ranked by; ``x`` (n, d) the features."""

    def dimension(self, rules: Rules) -> int:
        """How many numbers the models see of a request."""
        return max(1, rules.features)

    def strengths(self, rules: Rules, strength: float, *, apart: bool) -> Floats | float:
        """(dimension,) how firmly each feature's weight is held at 0; ``apart``: marks less."""
        first, last = rules.tasks
        if not apart or first == last:
            return strength
        firm = np.full(self.dimension(rules), strength * OTHERS)
        firm[first:last] = strength
        return firm

    def seen(self, x: Floats, attempt: Ints) -> Floats:  # noqa: ARG002
        """(n, dimension) what the models see of features ``x`` (n, d) at these attempts."""
        return x

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        cost = self.model(rules, replications) if rules.usd or rules.seconds else None
        quality = self.model(rules, replications)
        self.utility: Utility[Any] = Utility(
            rules, quality, cost, np.zeros((replications, self.dimension(rules)))
        )
        self.costs = Costs(replications, rules.arms)
        self.purse: Budget | None = None
        if self.budget is not None:
            self.purse = Budget(replications, self.budget, self.queries, self.bins)

    def select(self, context: Context) -> Action:
        x = self._seen(context)
        index = self.index(context, x)
        action = self._affordable(context, x, index)
        action.probability = self.probability(context, x, action)
        return action

    def probability(self, context: Context, x: Floats, action: Action) -> Floats | None:  # noqa: ARG002
        """(n,) how likely each choice was, given the context; None where nobody knows."""
        return None

    def _affordable(self, context: Context, x: Floats, index: Floats) -> Action:
        if self.purse is None:
            return best(context, index)
        cost = self.costs.mean(context.rows)
        reserve = self.reserve(context)
        eligible = self.purse.eligible(
            context, self.utility.quality.mean(context.rows, x), cost, reserve
        )
        return self._paid(context, best(context, index, eligible), eligible, reserve)

    def observe(self, feedback: Feedback) -> None:
        self.utility.observe(replace(feedback, features=self._seen(feedback)))
        self.costs.learn(feedback)
        if self.purse is not None:
            self.purse.learn(feedback)

    def reward(self, reward: Reward) -> None:
        """What an answer was worth; it does not say of which attempt, and counts as the first's."""
        x = features(reward.rows, reward.features)
        first = np.ones(len(x), dtype=np.intp)
        self.utility.reward(replace(reward, features=self.seen(x, first)))

    def prefer(self, preference: Preference) -> None:
        """The better answer counts as worth 1 and the worse as 0: the mean is a Borda score."""
        request = np.zeros(len(preference.rows), dtype=np.int64)
        about, corrects = preference.features, preference.corrects
        for arm, value in ((preference.better, 1.0), (preference.worse, 0.0)):
            worth = np.full(len(arm), value)
            before = np.full(len(arm), np.nan)
            if corrects is not None:
                before[corrects] = 1.0 - value
            self.reward(Reward(preference.rows, preference.now, request, arm, worth, before, about))

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.utility.beliefs()

    def reserve(self, context: Context) -> Floats:
        """(n, K) the most that an attempt can cost: as the driver says, else the most so far."""
        if context.reserve is not None:
            return context.reserve
        return self.costs.most(context.rows)

    def _seen(self, batch: Context | Feedback) -> Floats:
        return self.seen(features(batch.rows, batch.features), batch.attempt)

    def _paid(self, context: Context, action: Action, eligible: Bools, reserve: Floats) -> Action:
        """Set aside what is sent; give up where nothing can be paid for."""
        assert self.purse is not None
        broke = ~eligible.any(axis=1)
        action.arm = np.where(broke, GIVE_UP, action.arm)
        sent = np.flatnonzero(~broke)
        rows, arm = context.rows.take(sent), action.arm.take(sent)
        self.purse.send(rows, context.request.take(sent), reserve[sent, arm])
        return action
