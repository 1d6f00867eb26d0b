"""What an informed strategy knows of R fleets: the servers that it plays against, as they are."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fleets.limits import Limiter
from flaky_load_balancer.simulation.fleets.servers import Servers


class FleetTruth:
    """The truth about R fleets and the run (see ``strategy.Truth``), read off their servers.

    ``within`` is how many seconds an attempt may take; request k arrives at k / ``rate`` seconds.
    """

    def __init__(self, servers: Servers, *, within: float, rate: float, requests: int) -> None:
        self.servers = servers
        self.within = within
        self.rate, self.requests = rate, requests
        still = not servers.scenario.changes
        self._always = servers.success(0.0, within) if still else None  # (R, K)

    def success(self, rows: Ints, now: Floats) -> Floats:
        if self._always is not None:
            return self._always.take(rows, 0)
        return self._table(self.servers.chance(*self._lanes(rows, now), self.within))

    def remaining(self, rows: Ints, now: Floats) -> Floats:
        if self._limiter is None:
            return self._all(rows, np.inf)
        return self._table(self._limiter.remaining(*self._lanes(rows, now)))

    def wait(self, rows: Ints, now: Floats) -> Floats:
        if self._limiter is None:
            return self._all(rows, 0.0)
        return self._table(self._limiter.wait(*self._lanes(rows, now)))

    def coming(self, rows: Ints, now: Floats, seconds: Floats) -> Floats:
        if self._limiter is None:
            return self._all(rows, np.inf)
        lane, t = self._lanes(rows, now)
        most = self._limiter.admissions(lane, t, t + seconds.ravel())
        later = most - self._limiter.admissions(lane, t, t)
        return self._table(self._limiter.remaining(lane, t) + later)

    def keeps(self, rows: Ints) -> Floats:
        if self._limiter is None:
            return self._all(rows, 0.0)
        return self._table(self._limiter.keeps(self._lanes(rows, np.zeros(len(rows)))[0]))

    def ahead(self, rows: Ints, now: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        arrived = np.floor(now * self.rate + 1e-6) + 1
        left = np.maximum(self.requests - arrived, 0.0)
        return left, np.maximum((self.requests - 1) / self.rate - now, 0.0)

    @property
    def _limiter(self) -> Limiter | None:
        return self.servers.limiter

    def _lanes(self, rows: Ints, now: Floats) -> tuple[Ints, Floats]:
        """(n x K,) the servers of these fleets, and the seconds since the first attempt of each."""
        arms = self.servers.arms
        lanes = rows[:, None] * arms + np.arange(arms)
        since = np.nan_to_num(now - self.servers.origin.take(rows))
        return lanes.ravel(), np.repeat(since, arms)

    def _table(self, lanes: Floats) -> Floats:
        """(n, K)"""
        return lanes.reshape(-1, self.servers.arms)

    def _all(self, rows: Ints, value: float) -> Floats:
        return np.full((len(rows), self.servers.arms), value)
