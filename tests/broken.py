"""Strategies that break one promise each, beside one that keeps them all.

They live in a module of their own because what can be stored can be imported.
"""

import random
from copy import deepcopy
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any

import numpy as np

from flaky_load_balancer.core.state import State
from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import (
    HOLD,
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


@dataclass
class Sound(Strategy):
    """Takes the server that succeeded most often, or a random one now and then."""

    wander: float = 0.2

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.wins = np.zeros((replications, rules.arms))

    def select(self, context: Context) -> Action:
        index = self.wins[context.rows]
        random_one = self.rng.random(len(index)) < self.wander
        index[random_one] = self.rng.random((random_one.sum(), index.shape[1]))
        return best(context, index)

    def observe(self, feedback: Feedback) -> None:
        self.wins[feedback.rows, feedback.arm] += feedback.outcome == 0

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        mean = (1 + self.wins) / (2 + self.wins)
        return {"mean": mean, "low": mean / 2, "high": mean, "until": np.full(mean.shape, -np.inf)}


class NoStrategy:
    """Does not derive from Strategy."""


@dataclass
class Unfinished(Strategy):
    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None: ...

    def observe(self, feedback: Feedback) -> None: ...


class Undecorated(Strategy):
    """All there, except for the decorator."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None: ...

    def select(self, context: Context) -> Action:
        return Action(np.zeros_like(context.rows))

    def observe(self, feedback: Feedback) -> None: ...


@dataclass
class AllocatesEarly(Sound):
    def __post_init__(self) -> None:
        self.seen = np.zeros(10)


class NeverEqual(Sound):
    """Two of them differ though they are alike."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass
class ReprLies(Sound):
    secret: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self.secret = 1 if self.secret == 0 else self.secret + 1

    def __repr__(self) -> str:
        return f"ReprLies(wander={self.wander}, secret=5)"


class Answers(Sound):
    """Answers something else than it should; ``spoil`` says what."""

    def select(self, context: Context) -> Action:
        spoilt: Action = self.spoil(context, super().select(context))
        return spoilt

    def spoil(self, context: Context, action: Action) -> Any:
        raise NotImplementedError


class Exits(Sound):
    """Ends the program that lets it play."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        raise SystemExit(0)


class OneTooFar(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, arm=action.arm + 1)


class TooLow(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, arm=np.full_like(action.arm, -3))


class BesideBefore(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, beside=np.full(len(action.arm), -1.0))


class BareArray(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return action.arm


class Floating(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, arm=action.arm.astype(float))


class EveryRow(Answers):
    """Answers for all replications, whoever asked."""

    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, arm=self.wins.argmax(axis=1))


class HoldsForEver(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return Action(np.full_like(action.arm, HOLD))


class HoldsInThePast(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return Action(np.full_like(action.arm, HOLD), context.now)


class HoldsInfinitely(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return Action(np.full_like(action.arm, HOLD), np.full(len(action.arm), np.inf))


class IndexOfOne(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, index=context.now)


class IndexIsNaN(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, index=np.full(context.tried.shape, np.nan))


class EligibleIsNumbers(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, eligible=context.tried.astype(float))


class Anneals(Sound):
    """Changes its own hyperparameter as it plays."""

    def select(self, context: Context) -> Action:
        self.wander *= 0.9
        return super().select(context)


class Hoards(Sound):
    """Remembers what it learnt before ``reset``."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        kept = getattr(self, "wins", np.zeros(0))
        super().reset(rules, replications, rng)
        if kept.shape == self.wins.shape:
            self.wins += kept
        elif kept.size:
            self.wins[:, -1] = 9.0


class MarksTried(Sound):
    def select(self, context: Context) -> Action:
        action = super().select(context)
        context.tried[np.arange(len(action.arm)), action.arm] = True
        return action


class ForgivesRefusals(Sound):
    def observe(self, feedback: Feedback) -> None:
        feedback.outcome[feedback.outcome == 2] = 3
        super().observe(feedback)


class OwnChance(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        arms = context.tried.shape[1]
        return Action(np.array([random.randrange(arms) for _ in action.arm]))


class FreshGenerator(Sound):
    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, np.random.default_rng())


class ClockFromZero(Sound):
    """Takes a clock that starts at zero for granted."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.ready_at = np.full((replications, rules.arms), 5.0)

    def select(self, context: Context) -> Action:
        ready: Bools = self.ready_at[context.rows] <= context.now[:, None]
        ready[:, 0] = True
        return Action(np.where(ready, self.rng.random(ready.shape), -1).argmax(axis=1))


class TeachesAll(Sound):
    def observe(self, feedback: Feedback) -> None:
        self.wins[:, feedback.arm] += feedback.outcome == 0


class ReadsTheFirst(Sound):
    """Decides for every replication by what the first one learnt."""

    def select(self, context: Context) -> Action:
        index = self.wins[np.zeros_like(context.rows)]
        return Action(index.argmax(axis=1), None, index)


class WritesInOrder(Sound):
    """Takes the n-th answer for one of the n-th replication."""

    def observe(self, feedback: Feedback) -> None:
        self.wins[np.arange(len(feedback.arm)), feedback.arm] += feedback.outcome == 0


class FewInFlight(Sound):
    """Has room for a few requests under way."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.in_flight = 0

    def select(self, context: Context) -> Action:
        self.in_flight += len(context.rows)
        if self.in_flight > 100:
            raise OverflowError("too many requests in flight")
        return super().select(context)

    def observe(self, feedback: Feedback) -> None:
        self.in_flight -= len(feedback.rows)
        super().observe(feedback)


class NeedsRetryAfter(Sound):
    def observe(self, feedback: Feedback) -> None:
        if np.isnan(feedback.retry_after).any():
            raise ValueError("no Retry-After")
        super().observe(feedback)


class Idle(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return Action(np.full_like(action.arm, HOLD), context.now + 1)


class Believes(Sound):
    """Believes something that is not so; ``spoil`` says what."""

    def beliefs(self, now: Floats) -> Any:
        return self.spoil(super().beliefs(now))

    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        raise NotImplementedError


class BelievesOneRow(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        return {"mean": beliefs["mean"][0]}


class BelievesTooMuch(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        return {"mean": beliefs["mean"] + 1}


class BelievesNaN(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        return {"capacity": beliefs["mean"] * np.nan}


class BelievesUpsideDown(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        return {"low": beliefs["high"], "mean": beliefs["low"]}


class BelievesNothing(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        return None


class GivesItsStateAway(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        return {"wins": self.wins}


class RollsWhenAsked(Believes):
    def spoil(self, beliefs: dict[str, Floats]) -> Any:
        self.rng.random()
        return beliefs


class KeepsALambda(Sound):
    """Cannot be stored."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.rank = lambda wins: wins


class SharesItsState(Sound):
    """Its copies learn from each other."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharesItsState":
        copied = SharesItsState(self.wander)
        copied.rng, copied.wins = deepcopy(self.rng, memo), self.wins
        return copied


class IgnoresAvailability(Answers):
    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, arm=self.wins[context.rows].argmax(axis=1))


class SendsOneMore(Answers):
    """Sends also where no attempt is left."""

    def spoil(self, context: Context, action: Action) -> Any:
        spent = (context.left < 1) & context.available.any(axis=1)
        return changed(action, arm=np.where(spent, context.available.argmax(axis=1), action.arm))


class SureOfZero(Answers):
    """Its moves have no chance at all."""

    def spoil(self, context: Context, action: Action) -> Any:
        return changed(action, probability=np.zeros(len(action.arm)))


class KeepsAList(Sound):
    """What it has learnt cannot be found."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.history: list[int] = []


class SavesNothing(Sound):
    transient = ("wins",)


class LoadsAnything(Sound):
    def load(self, state: State) -> None:
        self.wins = state.arrays.get("wins", self.wins).copy()


class LoadsHalf(Sound):
    """Takes what it can before it complains."""

    def load(self, state: State) -> None:
        if state.strategy != repr(self):
            self.wins[:] = 0.0
        super().load(state)


class StartsAgain(Sound):
    """Forgets all servers when one goes."""

    def resize(self, keep: Ints) -> None:
        self.reset(Rules(len(keep)), len(self.wins), self.rng)


class TakesOverFromTheFirst(Sound):
    """A new server begins with what is known of the first."""

    def resize(self, keep: Ints) -> None:
        self.wins = self.wins[:, np.maximum(keep, 0)]


class Loyal(Sound):
    """Keeps the index of a server, and does not translate it when servers go."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.last = np.zeros(replications, dtype=np.intp)

    def select(self, context: Context) -> Action:
        action = super().select(context)
        again = context.available[np.arange(len(action.arm)), self.last[context.rows]]
        again &= (context.left > 0) & (self.rng.random(len(again)) < 0.5)
        arm = np.where(again, self.last[context.rows], action.arm)
        self.last[context.rows] = np.maximum(arm, 0)
        return changed(action, arm=arm)


class PromisesForEver(Sound):
    """Holds requests that come too soon one behind the other, and never withdraws a place."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.next_place = np.full(replications, -np.inf)

    def select(self, context: Context) -> Action:
        action = super().select(context)
        place = self.next_place[context.rows]
        soon = (context.now < place) & (action.arm >= 0)
        self.next_place[context.rows] = np.maximum(place, context.now) + 0.25
        return changed(action, arm=np.where(soon, HOLD, action.arm), until=place)


class LearnsFromItsOwn(Sound):
    """Takes feedback only of requests that it has decided about."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.mine = np.zeros((replications, 4096), dtype=bool)

    def select(self, context: Context) -> Action:
        self.mine[context.rows, context.request % 4096] = True
        return super().select(context)

    def observe(self, feedback: Feedback) -> None:
        mine = self.mine[feedback.rows, feedback.request % 4096]
        super().observe(feedback.take(np.flatnonzero(mine)))


class TakesNoLateReward(Sound):
    def reward(self, reward: Reward) -> None:
        raise KeyError(f"request {reward.request[0]} is over")


class KnowsNobodyElsesAnswers(Sound):
    def prefer(self, preference: Preference) -> None:
        raise KeyError(f"server {preference.worse[0]} was not asked")


class RoundsRewards(Sound):
    def reward(self, reward: Reward) -> None:
        np.round(reward.value, out=reward.value)
