"""What the oracle is told: the servers that it plays against, as they are."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fleets.servers import Fault, Servers


class Told:
    """The truth about R fleets (see ``strategy.Truth``), read off their servers."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers

    def success(self, rows: Ints, now: Floats) -> Floats:
        if not self.servers.scenario.faults:
            return self.servers.fleet.success.take(rows, 0)
        fault, failure, _ = self.servers.trouble(*self._lanes(rows, now))
        return self._table(np.where(fault == Fault.NONE, 1 - failure, 0.0))

    def left(self, rows: Ints, now: Floats) -> Floats:
        limiter = self.servers.limiter
        if limiter is None:
            return np.full((len(rows), self.servers.arms), np.inf)
        return self._table(limiter.remaining(*self._lanes(rows, now)))

    def wait(self, rows: Ints, now: Floats) -> Floats:
        limiter = self.servers.limiter
        if limiter is None:
            return np.zeros((len(rows), self.servers.arms))
        return self._table(limiter.wait(*self._lanes(rows, now)))

    def coming(self, rows: Ints, now: Floats, seconds: float) -> Floats:
        limiter = self.servers.limiter
        if limiter is None:
            return np.full((len(rows), self.servers.arms), np.inf)
        lane, t = self._lanes(rows, now)
        later = limiter.admissions(lane, t, t + seconds) - limiter.admissions(lane, t, t)
        return self._table(limiter.remaining(lane, t) + later)

    def _since(self, rows: Ints, now: Floats) -> Floats:
        """(n,) seconds since the first attempt; 0 before it."""
        since: Floats = np.nan_to_num(now - self.servers.origin.take(rows))
        return since

    def _lanes(self, rows: Ints, now: Floats) -> tuple[Ints, Floats]:
        """(n x K,) the servers of these fleets, and the time of each."""
        arms = self.servers.arms
        lanes = rows[:, None] * arms + np.arange(arms)
        return lanes.ravel(), np.repeat(self._since(rows, now), arms)

    def _table(self, lanes: Floats) -> Floats:
        """(n, K)"""
        return lanes.reshape(-1, self.servers.arms)
