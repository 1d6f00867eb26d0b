"""Feedback that comes late or in batches, as from logs: what does a strategy lose by it?

An attempt's end is told to the strategy ``delay`` seconds after it, and only with ``batch`` others
of its replication at once.  It keeps the time at which it happened.  What never fills a batch is
never told.
"""

from dataclasses import fields
from typing import Any

import numpy as np

from flaky_load_balancer.core.strategy import Informed, Strategy, Truth
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from flaky_load_balancer.core.wrapped import Wrapped

ROOM = 64  # attempts of a replication whose ends wait to be told, at first


def delayed(strategy: Strategy, delay: float, batch: int) -> Strategy:
    """The same strategy, which learns so many seconds later and so many attempts at once."""
    if delay == 0 and batch == 1:
        return strategy
    return (_DelayedInformed if isinstance(strategy, Informed) else _Delayed)(
        strategy, delay, batch
    )


class _Delayed(Wrapped):
    """Passes everything on but feedback, which waits."""

    def __init__(self, inner: Strategy, delay: float, batch: int) -> None:
        super().__init__(inner)
        self.delay, self.batch = delay, batch

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.waiting = _Waiting(replications)

    def select(self, context: Context) -> Action:
        self._tell(context.rows, context.now)
        return self.inner.select(context)

    def observe(self, feedback: Feedback) -> None:
        self.waiting.put(feedback)
        self._tell(feedback.rows, feedback.now)

    def _tell(self, rows: Ints, now: Floats) -> None:
        """Let it learn what is due."""
        for feedback in self.waiting.due(rows, now - self.delay, self.batch):
            self.inner.observe(feedback)


class _DelayedInformed(_Delayed, Informed):
    def know(self, truth: Truth) -> None:
        assert isinstance(self.inner, Informed)
        self.inner.know(truth)


class _Waiting:
    """A queue of ends of attempts for each replication: a ring of ``room`` places in every field.

    Of those that came, the first ``ripe`` are old enough, and the first ``told`` were told.
    """

    def __init__(self, replications: int) -> None:
        self.room = ROOM
        self.came, self.ripe, self.told = (np.zeros(replications, np.intp) for _ in range(3))
        self.kept: dict[str, Any] = {}  # (R, room, ...)

    def put(self, feedback: Feedback) -> None:
        rows = feedback.rows
        if (self.came - self.told).take(rows).max() >= self.room:
            self._grow()
        place = self.came.take(rows) % self.room
        for field in fields(feedback):
            values = getattr(feedback, field.name)
            if values is not None:
                shape = (len(self.came), self.room, *values.shape[1:])
                kept = self.kept.setdefault(field.name, np.zeros(shape, values.dtype))
                kept[rows, place] = values
        self.came[rows] += 1

    def due(self, rows: Ints, until: Floats, batch: int) -> list[Feedback]:
        """What happened until then and was not told yet, at most one of each row in an element."""
        if not self.kept:
            return []
        while True:
            ripe = self.ripe.take(rows)
            time = self.kept["now"][rows, ripe % self.room]
            more = (ripe < self.came.take(rows)) & (time <= until)
            if not more.any():
                break
            self.ripe[rows[more]] += 1
        found: list[Feedback] = []
        while True:
            told = self.told.take(rows)
            those = rows[told < self.ripe.take(rows) // batch * batch]
            if not those.size:
                return found
            place = self.told.take(those) % self.room
            found.append(Feedback(**{name: kept[those, place] for name, kept in self.kept.items()}))
            self.told[those] += 1

    def _grow(self) -> None:
        """Twice the room; what waits is moved to where it will be looked for."""
        numbers = self.told[:, None] + np.arange(self.room)
        every = np.arange(len(self.told))[:, None]
        for name, kept in self.kept.items():
            wide = np.zeros((len(kept), 2 * self.room, *kept.shape[2:]), kept.dtype)
            wide[every, numbers % (2 * self.room)] = kept[every, numbers % self.room]
            self.kept[name] = wide
        self.room *= 2
