"""Feedback that comes late or in batches, as from logs: what does a strategy lose by it?

An attempt's end is told to the strategy ``delay`` seconds after it, and only with ``batch`` others
of its replication at once.  It keeps the time at which it happened.  What never fills a batch is
never told.
"""

from dataclasses import fields

import numpy as np

from flaky_load_balancer.core.strategy import Informed, Strategy, Truth, Wrapped
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from flaky_load_balancer.simulation.engine.queues import Queues


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
    """Ends of attempts that wait to be told; of those that came, the first ``ripe`` are due."""

    def __init__(self, replications: int) -> None:
        self.queues = Queues(replications)
        self.ripe = np.zeros(replications, np.intp)

    def put(self, feedback: Feedback) -> None:
        self.queues.put(
            feedback.rows, {f.name: getattr(feedback, f.name) for f in fields(feedback)}
        )

    def due(self, rows: Ints, until: Floats, batch: int) -> list[Feedback]:
        """What happened until then and was not told yet, at most one of each row in an element."""
        queues = self.queues
        if not queues.kept:
            return []
        while True:
            ripe = self.ripe.take(rows)
            more = (ripe < queues.came.take(rows)) & (queues.at("now", rows, ripe) <= until)
            if not more.any():
                break
            self.ripe[rows[more]] += 1
        found: list[Feedback] = []
        while True:
            those = rows[queues.gone.take(rows) < self.ripe.take(rows) // batch * batch]
            if not those.size:
                return found
            found.append(Feedback(**queues.take(those)))
