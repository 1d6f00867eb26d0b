"""oracle: knows the servers, and plays the index rule of the bound's dual.

A reference for what playing well can bring, not a baseline: it knows the servers' chances of
success, what is left of every limit and what will come, and when the run ends.  What it does not
know is luck.  A free attempt that is admitted is made whatever it is worth.

Prices are made of what a server admits for as long as an admission can be kept (a window, a full
bucket) and a request can wait, and of the requests that arrive meanwhile: what cannot be kept
is not saved for later, and nothing is saved for after the end.

Source: the dual of the fluid linear programme of the bound (``parts/dual.py``); prices of
admissions as in bandits with knapsacks (Badanidiyuru, Kleinberg and Slivkins, arXiv 1305.2545).

    attempt k goes to the server with the largest  s_i (1 - V_k+1) + V_k+1 - c_k - eta_i  among
    those that admit now; it waits where one that admits in time is worth ``margin`` more; it gives
    up where none admits, and instead of a paid attempt that is worth nothing
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.strategy import Informed, Truth, given_up
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Context,
    Feedback,
    Floats,
    Ints,
    Rules,
)
from strategies.parts.dual import balance, values
from strategies.parts.numbers import require

ADMITTED = 1 - 1e-9  # what must be left of a limit
REFRESH = 1.0  # seconds from one look at what the limits will admit to the next
SHORTEST = 1e-3  # seconds of a hold: what a limit that moves admits next is only estimated
JUST_AFTER = (
    1e-6  # seconds after which a server admits that will admit: no rounded last digit early
)


@dataclass
class Oracle(Informed):
    """Take the server that is worth most, now or after a while."""

    margin: float = 0.03  # points
    softness: float = 0.01  # points: how much worse a reply to the prices still counts
    steps: int = 40  # towards the right prices with the first request; one with each later one

    transient: ClassVar = ("truth",)

    def __post_init__(self) -> None:
        require("margin", self.margin, least=0)
        require("softness", self.softness, above=0)
        require("steps", self.steps, least=1, whole=True)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.rules = rules
        self.truth: Truth = Unknown(rules.arms)
        self.price: Floats = np.zeros((replications, rules.arms))
        self.requests: Floats = np.zeros(replications)
        self.supply: Floats = np.full((replications, rules.arms), np.inf)  # per request
        self.looked: Floats = np.full(replications, np.nan)
        self.latest = np.full(replications, -1)  # request

    def resize(self, keep: Ints) -> None:
        """What is true of other servers must be told again."""
        self.truth = Unknown(self.rules.arms)
        super().resize(keep)

    def know(self, truth: Truth) -> None:
        self.truth = truth

    def observe(self, feedback: Feedback) -> None:
        """There is nothing to learn."""

    def select(self, context: Context) -> Action:
        rows, now = context.rows, context.now
        success = self.truth.success(rows, now)
        self._follow(context)
        self._price(context, success)
        price = self.price.take(rows, 0)
        left = self.truth.remaining(rows, now, context.size)
        free = (left >= ADMITTED) & context.available
        worth = self._worth(context, success, price)
        arm = np.where(free, worth, -np.inf).argmax(axis=1)
        value = np.where(free, worth, -np.inf).max(axis=1)
        paid = context.attempt > self.rules.free_attempts
        arm[(paid & (value <= 0)) | ~free.any(axis=1)] = GIVE_UP
        until = self._wait(context, worth, np.maximum(value, 0.0))
        arm[until > now] = HOLD
        return given_up(context, Action(arm, until, worth, free, np.ones(len(arm))))

    def _follow(self, context: Context) -> None:
        """Look at the limits of fleets that were not looked at for a while."""
        old = np.flatnonzero(~(context.now < self.looked.take(context.rows) + REFRESH))
        if old.size:
            rows, now = context.rows.take(old), context.now.take(old)
            self.looked[rows] = now
            requests, seconds = self.truth.ahead(rows, now)
            stay = (context.deadline.take(old) - now)[:, None]
            horizon = np.minimum(self.truth.keeps(rows), seconds[:, None]) + stay
            share = np.minimum(horizon / np.maximum(seconds, JUST_AFTER)[:, None], 1.0)
            demand = 1.0 + requests[:, None] * share
            self.supply[rows] = self.truth.coming(rows, now, horizon) / demand

    def _price(self, context: Context, success: Floats) -> None:
        """Take a step nearer to the right prices with every request, many with the first."""
        new = np.flatnonzero(context.request > self.latest.take(context.rows))
        rows = context.rows.take(new)
        self.latest[rows] = context.request.take(new)
        self.requests[rows] += 1
        supply = self.supply.take(rows, 0)
        if not np.isfinite(supply).any():
            return
        success, price = success.take(new, 0), self.price.take(rows, 0)
        fresh = np.flatnonzero(self.requests.take(rows) == 1)
        for _ in range(self.steps if fresh.size else 0):
            price[fresh] = self._step(success[fresh], price[fresh], supply[fresh])
        self.price[rows] = self._step(success, price, supply)

    def _step(self, success: Floats, price: Floats, supply: Floats) -> Floats:
        return balance(success, price, supply, self.rules, softness=self.softness)

    def _worth(self, context: Context, success: Floats, price: Floats) -> Floats:
        """(n, K) what sending this attempt to each server is worth, if it is admitted."""
        value = values(success, price, self.rules)
        following = np.minimum(context.attempt, value.shape[1] - 1)
        later = value[np.arange(len(value)), following]
        later = np.where(context.attempt < self.rules.max_attempts, later, 0.0)
        cost = self.rules.penalty * (context.attempt > self.rules.free_attempts)
        price = price * self.truth.takes(context.rows, context.size)
        worth: Floats = success * (1 - later)[:, None] + (later - cost)[:, None] - price
        return worth

    def _wait(self, context: Context, worth: Floats, value: Floats) -> Floats:
        """(n,) until when it is better to wait than to have ``value`` (n,) now; else now."""
        rows, now = context.rows, context.now
        wait = np.maximum(self.truth.wait(rows, now, context.size), SHORTEST)
        ready = now[:, None] + wait + JUST_AFTER
        in_time = (ready < context.deadline[:, None]) & context.available
        later = np.where(in_time, worth, -np.inf)
        each = np.arange(len(rows))
        best = later.argmax(axis=1)
        better = later[each, best] > value + self.margin
        return np.where(better, ready[each, best], now)


class Unknown(Truth):
    """The truth of those who were told nothing: all servers are the same, without limits."""

    def __init__(self, arms: int) -> None:
        self.arms = arms

    def success(self, rows: Ints, now: Floats) -> Floats:  # noqa: ARG002
        return np.full((len(rows), self.arms), 0.6)

    def remaining(self, rows: Ints, now: Floats, size: Floats) -> Floats:  # noqa: ARG002
        return np.full((len(rows), self.arms), np.inf)

    def wait(self, rows: Ints, now: Floats, size: Floats) -> Floats:  # noqa: ARG002
        return np.zeros((len(rows), self.arms))

    def coming(self, rows: Ints, now: Floats, seconds: Floats) -> Floats:  # noqa: ARG002
        return np.full((len(rows), self.arms), np.inf)

    def takes(self, rows: Ints, size: Floats) -> Floats:  # noqa: ARG002
        return np.ones((len(rows), self.arms))

    def keeps(self, rows: Ints) -> Floats:
        return np.zeros((len(rows), self.arms))

    def ahead(self, rows: Ints, now: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        return np.zeros(len(rows)), np.zeros(len(rows))
