"""What an answer of a strategy may look like; used by the rules of ``conformance.py``."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
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


class Unexpected(Exception):  # noqa: N818 - carries the words that complete a broken rule
    """What happened instead of what was expected."""


def expect(holds: object, otherwise: str) -> None:
    """Raise ``Unexpected`` with these words unless it holds."""
    if not holds:
        raise Unexpected(otherwise)


def legal(context: Context, action: Action) -> None:
    """Every answer is a server, GIVE_UP, or HOLD with a time in the future to ask again."""
    expect(isinstance(action, Action), f"select returned {type(action).__name__}, not an Action")
    n, arms = context.tried.shape
    arm = _array("Action.arm", action.arm, (n,), "i")
    wrong = arm[(arm < GIVE_UP) | (arm >= arms)]
    expect(not wrong.size, f"{wrong[:1]} is no server of 0 to {arms - 1}, nor HOLD, nor GIVE_UP")
    sent = np.flatnonzero(arm >= 0)
    away = sent[~context.available[sent, arm[sent]]]
    expect(not away.size, f"server {arm[away][:1]} was chosen, which is not available")
    spent = sent[context.left[sent] < 1]
    expect(not spent.size, f"server {arm[spent][:1]} was chosen with no attempt left")
    if action.beside is not None:
        beside = _array("Action.beside", action.beside, (n,), "f")
        expect((beside >= 0).all(), f"Action.beside is {beside[~(beside >= 0)][:1]} seconds")
    held = arm == HOLD
    if held.any():
        expect(action.until is not None, "HOLD without Action.until: when to ask again")
        until = _array("Action.until", action.until, (n,), "f")[held]
        later = np.isfinite(until) & (until > context.now[held])
        expect(later.all(), f"HOLD until {until[~later][:1]} at {context.now[held][:1]}")


def explained(context: Context, action: Action) -> None:
    """Where an answer says why, it says so of every server."""
    if action.index is not None:
        index = _array("Action.index", action.index, context.tried.shape, "f")
        expect(not np.isnan(index).any(), "Action.index holds NaN")
    if action.eligible is not None:
        _array("Action.eligible", action.eligible, context.tried.shape, "b")
    if action.probability is not None:
        chance = _array("Action.probability", action.probability, context.rows.shape, "f")
        inside = np.isnan(chance) | ((chance > 0) & (chance <= 1))
        expect(inside.all(), f"Action.probability is {chance[~inside][:1]}, not in (0, 1]")


def plausible(beliefs: Mapping[str, Any], replications: int, arms: int) -> None:
    """Beliefs are arrays of one number per server, and probabilities are probabilities."""
    shape = replications, arms
    found = {key: _array(f"beliefs {key!r}", value, shape, "f") for key, value in beliefs.items()}
    for key, value in found.items():
        expect(not np.isnan(value).any(), f"beliefs {key!r} holds NaN")
    for key in found.keys() & {"mean", "low", "high"}:
        inside = (found[key] >= 0) & (found[key] <= 1)
        expect(inside.all(), f"beliefs {key!r} holds {found[key][~inside][:1]}, not in [0, 1]")
    rising = [found[key] for key in ("low", "mean", "high") if key in found]
    for below, above in pairwise(rising):
        expect((below <= above).all(), "beliefs do not keep low <= mean <= high")


def _array(name: str, value: object, shape: tuple[int, ...], kind: str) -> Any:
    expect(isinstance(value, np.ndarray), f"{name} is {type(value).__name__}, not an array")
    assert isinstance(value, np.ndarray)
    kinds = {"i": "whole numbers", "f": "floats", "b": "bools"}
    expect(value.shape == shape, f"{name} has the shape {value.shape}, not {shape}")
    expect(value.dtype.kind == kind, f"{name} holds {value.dtype}, not {kinds[kind]}")
    return value


@dataclass
class Wary(Strategy):
    """Looks whether another strategy changes the arrays that it is given."""

    other: Strategy

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.other.reset(rules, replications, rng)

    def select(self, context: Context) -> Action:
        before = deepcopy(context)
        action = self.other.select(context)
        _unchanged("select", before, context)
        return action

    def observe(self, feedback: Feedback) -> None:
        before = deepcopy(feedback)
        self.other.observe(feedback)
        _unchanged("observe", before, feedback)

    def prefer(self, preference: Preference) -> None:
        before = deepcopy(preference)
        self.other.prefer(preference)
        _unchanged("preference", before, preference)

    def reward(self, reward: Reward) -> None:
        before = deepcopy(reward)
        self.other.reward(reward)
        _unchanged("reward", before, reward)

    def note(self, sent: Sent) -> None:
        before = deepcopy(sent)
        self.other.note(sent)
        _unchanged("note", before, sent)

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        self.other.withdraw(rows, requests)


@dataclass
class Echo(Strategy):
    """Tells a replica of another strategy what that one sends, and how it ends."""

    other: Strategy
    replica: Strategy

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.other.reset(rules, replications, rng)

    def select(self, context: Context) -> Action:
        action = self.other.select(context)
        sent = np.flatnonzero(action.arm >= 0)
        some = context.take(sent)
        now, size, promised = some.now, some.size, np.zeros(len(sent), dtype=bool)
        self.replica.note(
            Sent(some.rows, now, some.request, action.arm[sent], some.now, promised, size)
        )
        return action

    def observe(self, feedback: Feedback) -> None:
        self.other.observe(deepcopy(feedback))
        self.replica.observe(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.other.beliefs(now)


Given = Context | Feedback | Preference | Reward | Sent


def _unchanged(call: str, before: Given, after: Given) -> None:
    for field in fields(before):
        pair = getattr(before, field.name), getattr(after, field.name)
        same = pair[0] is pair[1] or np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f")
        expect(same, f"{call} changed {type(after).__name__}.{field.name}")
