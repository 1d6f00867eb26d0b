"""A rehearsal: a strategy plays a short, made-up history in which everything happens.

Requests overlap, feedback comes late and out of order, every outcome occurs, batches are of any
size, and a request may arrive at any attempt with any servers tried.  There is no fleet and no
score: only whether the strategy keeps its promises matters (``conformance.py``).

All times are multiples of 1/64 s, so that adding a large power of two to the clock changes no
difference between two of them.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import (
    HOLD,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Outcome,
    Rules,
)

TICK = 1 / 64
ODDS = np.array([0.4, 0.7, 0.9])  # of Outcome in its order, summed up; the rest is CANCELLED
Judge = Callable[[Context, Action], None]


@dataclass(frozen=True)
class Move:
    """Who was asked, what was answered, and why."""

    rows: list[int]
    arms: list[int]
    index: list[list[float]] | None


class Sending(NamedTuple):
    """An attempt under way."""

    arm: int
    time: float
    request: int


class Rehearsal:
    """One strategy, its unfinished attempts, and the chance that is not the strategy's."""

    def __init__(
        self,
        strategy: Strategy,
        *,
        rules: Rules | None = None,
        replications: int = 3,
        seed: int = 1,
        start: float = 0.0,
        judge: Judge | None = None,
        scarce: bool = False,
    ) -> None:
        self.strategy, self.judge, self.now = strategy, judge, start
        self.rules = rules or Rules(arms=4)
        self.replications = replications
        self.world = np.random.default_rng(7)
        self.moves: list[Move] = []
        self.unfinished: list[list[Sending]] = [[] for _ in range(replications)]
        self.held: list[tuple[int, int]] = []
        self.requests = 0
        self.scarce = scarce
        self.rng = np.random.default_rng(seed)
        strategy.reset(self.rules, replications, self.rng)

    def play(self, steps: int, *, ending: float = 0.5) -> list[Move]:
        """Ask ``steps`` times; before each, an attempt of every row ends with this chance."""
        for _ in range(steps):
            self.now += TICK * self.world.integers(1, 65)
            self.end(self.some_rows(ending))
            self.ask(self.some_rows(0.7))
        return self.moves

    def drain(self) -> None:
        """Let all attempts end, whichever first."""
        while any(self.unfinished):
            self.now += TICK
            self.end(np.arange(self.replications))

    def some_rows(self, chance: float) -> Ints:
        """A random subset in a random order."""
        shuffled = self.world.permutation(self.replications)
        return shuffled[self.world.random(self.replications) < chance]

    def ask(self, rows: Ints) -> None:
        if not len(rows):
            return
        context = self.context(rows)
        action = self.strategy.select(context)
        if self.judge:
            self.judge(context, action)
        index = None if action.index is None else action.index.tolist()
        self.moves.append(Move(rows.tolist(), action.arm.tolist(), index))
        for row, arm in zip(rows, action.arm, strict=True):
            if arm >= 0:
                self.unfinished[row].append(Sending(int(arm), self.now, self.requests))
            elif arm == HOLD:
                self.held.append((int(row), self.requests))

    def hang_up(self) -> None:
        """Whoever is held leaves."""
        for row, request in self.held:
            self.strategy.withdraw(np.array([row]), np.array([request]))
        self.held.clear()

    def resize(self, keep: Ints) -> None:
        """Servers come and go; what is under way on those that are gone is never heard of."""
        self.strategy.resize(keep)
        self.rules = replace(self.rules, arms=len(keep))
        is_now = {int(old): new for new, old in enumerate(keep) if old >= 0}
        self.unfinished = [
            [each._replace(arm=is_now[each.arm]) for each in sent if each.arm in is_now]
            for sent in self.unfinished
        ]

    def mean(self, strategy: Strategy | None = None) -> Floats:
        """(R, K) what is believed of each server's chance; zeros where nothing is."""
        beliefs = (strategy or self.strategy).beliefs(np.full(self.replications, self.now))
        return beliefs.get("mean", np.zeros((self.replications, self.rules.arms)))

    def with_another(self, strategy: Strategy) -> "Rehearsal":
        """The same history, from here on played by another strategy with the same chance."""
        other = deepcopy(self)
        strategy.reset(self.rules, self.replications, other.rng)
        other.rng.bit_generator.state = self.rng.bit_generator.state
        other.strategy = strategy
        return other

    def end(self, rows: Ints) -> None:
        """In each of these rows any one of the attempts under way ends, if there is one."""
        rows = np.array([row for row in rows if self.unfinished[row]], dtype=np.intp)
        if len(rows):
            self.strategy.observe(self.feedback(rows))

    def context(self, rows: Ints) -> Context:
        n = len(rows)
        attempt = self.world.integers(1, self.rules.max_attempts + 1, n)
        now = np.full(n, self.now)
        self.requests += 1
        return Context(
            rows,
            now,
            attempt,
            self._tried(attempt),
            deadline=now + 64.0,
            request=np.full(n, self.requests),
            left=self._left(attempt),
            available=self._available(n),
            size=np.where(np.arange(n) % 2, np.nan, 100.0),
        )

    def feedback(self, rows: Ints) -> Feedback:
        n = len(rows)
        ended = [self._pop(row) for row in rows]
        outcome = ODDS.searchsorted(self.world.random(n), side="right")
        refused = (outcome == Outcome.RATE_LIMITED) & (self.world.random(n) < 0.5)
        now = np.full(n, self.now)
        return Feedback(
            rows=rows,
            now=now,
            arm=np.array([each.arm for each in ended], dtype=np.intp),
            outcome=outcome,
            latency=now - np.array([each.time for each in ended]),
            retry_after=np.where(refused, 0.5, np.nan),
            request=np.array([each.request for each in ended]),
            attempt=np.ones(n, dtype=np.intp),
            cost=np.zeros(n),
            size=np.full(n, np.nan),
        )

    def _available(self, n: int) -> Bools:
        """All servers, or where they are scarce some, sometimes none."""
        available = np.ones((n, self.rules.arms), dtype=bool)
        if self.scarce:
            available = self.world.random(available.shape) < self.world.random((n, 1))
        return available

    def _left(self, attempt: Ints) -> Ints:
        """As many attempts as the rules allow, or where they are scarce fewer, sometimes none."""
        left = self.rules.max_attempts + 1 - attempt
        if self.scarce:
            left = np.minimum(left, self.world.integers(0, 4, len(left)))
        return left

    def _tried(self, attempt: Ints) -> Bools:
        """Any servers, fewer than there were attempts: sometimes none, sometimes all."""
        n = len(attempt)
        places = self.world.random((n, self.rules.arms)).argsort(axis=1)
        tried: Bools = places < np.round((attempt - 1) * self.world.random(n))[:, None]
        return tried

    def _pop(self, row: int) -> Sending:
        waiting = self.unfinished[row]
        return waiting.pop(int(self.world.integers(len(waiting))))
