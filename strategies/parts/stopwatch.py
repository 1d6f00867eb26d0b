"""Seconds since each replication's first event, and attempts for each of them."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


class Stopwatch:
    """Starts in each replication with the first ``now`` that it is shown."""

    def __init__(self, replications: int) -> None:
        self.start: Floats = np.full(replications, np.nan)

    def elapsed(self, rows: Ints, now: Floats) -> Floats:
        """(n,) seconds since the start, which is ``now`` where nothing has happened yet."""
        start = self.start.take(rows)
        fresh = np.isnan(start)
        if np.count_nonzero(fresh):
            self.start[rows[fresh]] = start[fresh] = now[fresh]
        return np.maximum(now - start, 0.0)

    def peek(self, now: Floats) -> Floats:
        """(R,) as ``elapsed`` for every replication, without starting any."""
        return np.fmax(now - self.start, 0.0)


class AttemptRate:
    """Attempts sent, over the seconds since the first decision, taken as ``least`` at first."""

    def __init__(self, replications: int, least: float) -> None:
        self.least = least
        self.watch = Stopwatch(replications)
        self.sent: Floats = np.zeros(replications)

    def per_second(self, rows: Ints, now: Floats) -> Floats:
        """(n,) attempts a second, the one that is being decided included."""
        elapsed = np.maximum(self.watch.elapsed(rows, now), self.least)
        rate: Floats = (self.sent.take(rows) + 1.0) / elapsed
        return rate

    def count(self, rows: Ints) -> None:
        """An attempt was sent in each of n replications."""
        self.sent[rows] += 1.0
