"""Any strategy, with constraints that hold in the long run: ``v4:share_min=0.05``.

    share_min       the least share of all attempts that each server gets, as for canaries
    share_max       the greatest share of them, as in contracts
    success_min     a floor under the share of requests that are answered: below it nothing is given
                    up, and no server gets requests only because of its least share
    attempts_max    a ceiling on the mean attempts of a request: above it requests end after one

The strategy chooses among the servers that the constraints leave it.  Shares that cannot be (a
least share above 1 / K, a greatest below) are taken to be 1 / K.

Source: virtual queues, see ``parts/constraints.py``.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from flaky_load_balancer.core.state import State, StateError
from flaky_load_balancer.core.strategy import Informed, Strategy, Wrapped
from flaky_load_balancer.core.types import (
    GIVE_UP,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Rules,
)
from strategies.parts.batches import together
from strategies.parts.constraints import NAMES, Queues
from strategies.parts.numbers import require

INNER = "inner."


@dataclass
class Constrained(Wrapped):
    """Let a strategy choose among the servers that constraints leave."""

    strategy: Strategy
    share_min: float = 0.0
    share_max: float = 1.0
    success_min: float = 0.0
    attempts_max: float = inf

    def __post_init__(self) -> None:
        if isinstance(self.strategy, Informed):
            raise ValueError("who knows the servers takes no constraints")
        require("share_min", self.share_min, least=0, most=1)
        require("share_max", self.share_max, above=0, most=1)
        require("success_min", self.success_min, least=0, most=1)
        if self.attempts_max != inf:
            require("attempts_max", self.attempts_max, least=1)
        if self.share_min > self.share_max:
            raise ValueError(f"share_min {self.share_min:g} is above share_max {self.share_max:g}")
        self.inner = deepcopy(self.strategy)  # which learns

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        limits = self.share_min, self.share_max, self.success_min, self.attempts_max
        self.queues = Queues(replications, rules.arms, limits)

    def select(self, context: Context) -> Action:
        stopped = self.queues.stopped(context)
        if not np.count_nonzero(stopped):
            action = self._chosen(context)
        elif stopped.all():
            action = _given_up(context)
        else:
            parts = np.flatnonzero(stopped), np.flatnonzero(~stopped)
            ends, goes_on = map(context.take, parts)
            action = together(context, parts, (_given_up(ends), self._chosen(goes_on)))
        sent = np.flatnonzero(action.arm >= 0)
        self.queues.count(context.rows[sent], action.arm[sent], context.attempt[sent] == 1)
        return action

    def observe(self, feedback: Feedback) -> None:
        self.queues.learn(feedback)
        self.inner.observe(feedback)

    def violations(self) -> dict[str, Floats]:
        """(R,) by constraint, how many attempts were sent while it was not held."""
        asked = (self.share_min > 0, self.share_max < 1, self.success_min > 0)
        kept = (*asked, self.attempts_max < inf)
        counts = self.queues.violations
        return {name: counts[:, i] for i, name in enumerate(NAMES) if kept[i]}

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.inner.beliefs(now) | {"owed": self.queues.owed, "over": self.queues.over}

    def resize(self, keep: Ints) -> None:
        self.inner.resize(keep)
        self.queues.resize(keep)

    def state(self) -> State:
        inner = self.inner.state()
        own = {name: getattr(self.queues, name).copy() for name in Queues.axes}
        return State(
            repr(self),
            own | _outer(inner.arrays),
            Queues.axes | _outer(inner.axes),
            _outer(inner.numbers),
        )

    def load(self, state: State) -> None:
        if state.strategy != repr(self):
            raise StateError(f"the state does not fit: {state.strategy} learnt it, this is {self}")
        for name in Queues.axes:
            mine, theirs = getattr(self.queues, name), state.arrays.get(name)
            if theirs is None or theirs.shape != mine.shape or theirs.dtype != mine.dtype:
                raise StateError(f"the state does not fit: {name} is another array")
        inner = [_inner(each) for each in (state.arrays, state.axes, state.numbers)]
        self.inner.load(State(repr(self.inner), *inner))
        for name in Queues.axes:
            setattr(self.queues, name, state.arrays[name].copy())

    def _chosen(self, context: Context) -> Action:
        """What the strategy chooses among the servers that are allowed."""
        limited = replace(context, available=self.queues.allowed(context))
        action = self.inner.select(limited)
        urgent = (action.arm == GIVE_UP) & self.queues.urgent(context) & (context.left > 0)
        urgent &= context.available.any(axis=1)
        if np.count_nonzero(urgent):
            action.arm = np.where(urgent, _best(action, context.available), action.arm)
        return action


def _best(action: Action, available: Bools) -> Ints:
    """(n,) the available server with the highest index, or the first of them."""
    index = np.zeros(available.shape) if action.index is None else action.index
    best: Ints = np.where(available, index, -np.inf).argmax(axis=1)
    return best


def _given_up(context: Context) -> Action:
    arm = np.full(len(context.rows), GIVE_UP, dtype=np.intp)
    nothing = np.zeros(context.tried.shape)
    return Action(arm, None, nothing, nothing.astype(bool), np.ones(len(arm)))


def _outer(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries of the strategy within, by names of their own."""
    return {INNER + name: each for name, each in entries.items()}


def _inner(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries of the strategy within, by its own names."""
    found = entries.items()
    return {name.removeprefix(INNER): each for name, each in found if name.startswith(INNER)}
