"""A rehearsal: a strategy plays a short, made-up history in which everything happens.

Requests overlap, feedback comes late and out of order, every outcome occurs, batches are of any
size, and a request may arrive at any attempt with any servers tried.  There is no fleet and no
score: only whether the strategy keeps its promises matters (``conformance.py``).

All times are multiples of 1/64 s, so that adding a large power of two to the clock changes no
difference between two of them.
"""

from collections.abc import Callable

import numpy as np

from flaky_load_balancer.strategy import Strategy
from flaky_load_balancer.types import Action, Bools, Context, Feedback, Ints, Outcome, Rules

TICK = 1 / 64
Judge = Callable[[Context, Action], None]
Reply = tuple[list[int], list[list[float]]]
Move = tuple[tuple[int, ...], ...]  # the rows asked, the arms answered


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
    ) -> None:
        self.strategy, self.judge, self.now = strategy, judge, start
        self.rules = rules or Rules(arms=4)
        self.replications = replications
        self.world = np.random.default_rng(7)
        self.moves: list[Move] = []
        self.unfinished: list[list[tuple[int, float]]] = [[] for _ in range(replications)]
        strategy.reset(self.rules, replications, np.random.default_rng(seed))

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
        chosen = np.flatnonzero(self.world.random(self.replications) < chance)
        return self.world.permutation(chosen)

    def ask(self, rows: Ints) -> None:
        if not len(rows):
            return
        context = self.context(rows)
        action = self.strategy.select(context)
        if self.judge:
            self.judge(context, action)
        self.moves.append((tuple(rows.tolist()), tuple(action.arm.tolist())))
        for row, arm in zip(rows, action.arm, strict=True):
            if arm >= 0:
                self.unfinished[row].append((int(arm), self.now))

    def replies(self, row: int, times: int) -> list[Reply]:
        """What one replication answers, and how it ranked the servers, when asked repeatedly."""
        replies = []
        for _ in range(times):
            self.now += TICK
            action = self.strategy.select(self.context(np.array([row])))
            index = [] if action.index is None else action.index.tolist()
            replies.append((action.arm.tolist(), index))
        return replies

    def end(self, rows: Ints) -> None:
        """In each of these rows any one of the attempts under way ends, if there is one."""
        rows = np.array([row for row in rows if self.unfinished[row]], dtype=np.intp)
        if len(rows):
            self.strategy.observe(self.feedback(rows))

    def context(self, rows: Ints) -> Context:
        n = len(rows)
        attempt = self.world.integers(1, self.rules.max_attempts + 1, n)
        now = np.full(n, self.now)
        return Context(rows, now, attempt, self._tried(attempt), now + 64.0)

    def feedback(self, rows: Ints) -> Feedback:
        n = len(rows)
        ended = [self._pop(row) for row in rows]
        outcome = self.world.choice(len(Outcome), n, p=(0.4, 0.3, 0.2, 0.1))
        refused = (outcome == Outcome.RATE_LIMITED) & (self.world.random(n) < 0.5)
        now = np.full(n, self.now)
        return Feedback(
            rows=rows,
            now=now,
            arm=np.array([arm for arm, _ in ended], dtype=np.intp),
            outcome=outcome.astype(np.intp),
            latency=now - np.array([sent for _, sent in ended]),
            retry_after=np.where(refused, 0.5, np.nan),
        )

    def _tried(self, attempt: Ints) -> Bools:
        """Servers hit by attempts - 1 random choices: sometimes none, sometimes all."""
        tried = np.zeros((len(attempt), self.rules.arms), dtype=bool)
        for row, made in enumerate(attempt - 1):
            tried[row, self.world.integers(self.rules.arms, size=made)] = True
        return tried

    def _pop(self, row: int) -> tuple[int, float]:
        waiting = self.unfinished[row]
        return waiting.pop(int(self.world.integers(len(waiting))))
