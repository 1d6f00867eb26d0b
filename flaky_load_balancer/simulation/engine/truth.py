"""What an informed strategy knows of R fleets: the servers that it plays against, as they are."""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets.joint import Part
from flaky_load_balancer.simulation.fleets.servers import Servers


class FleetTruth:
    """The truth about R fleets and the run (see ``strategy.Truth``), read off their servers.

    ``within`` is how many seconds an attempt may take; request k arrives at k / ``rate`` seconds.
    """

    def __init__(self, servers: Servers, *, within: float, rate: float, requests: int) -> None:
        self.servers = servers
        self.within = within
        self.rate, self.requests = rate, requests
        steady = servers.scenario.steady
        self._always = servers.success(0.0, within) if steady else None  # (R, K)
        self._limits = servers.joint()
        self._shared = [
            (part, list(limited.groups[0]))
            for part, limited in zip(self._limits.parts, servers.fleet.limits, strict=True)
            if limited.spec.account is not None
        ]
        self._by_tokens = _by_tokens(servers)  # (R, K)

    def success(self, rows: Ints, now: Floats) -> Floats:
        if self._always is not None:
            return self._always.take(rows, 0)
        return self._table(self.servers.chance(*self._lanes(rows, now), self.within))

    def remaining(self, rows: Ints, now: Floats, size: Floats) -> Floats:
        lane, t = self._lanes(rows, now)
        return self._table(self._limits.remaining(lane, t, self._sizes(size)))

    def wait(self, rows: Ints, now: Floats, size: Floats) -> Floats:
        lane, t = self._lanes(rows, now)
        return self._table(self._limits.wait(lane, t, self._sizes(size)))

    def coming(self, rows: Ints, now: Floats, seconds: Floats) -> Floats:
        lane, t = self._lanes(rows, now)
        most = self._limits.admissions(lane, t, t + seconds.ravel())
        spent = self._limits.admissions(lane, t, t)
        later = np.where(np.isfinite(most), most - np.where(np.isfinite(spent), spent, 0.0), most)
        each = self._table(self._limits.remaining(lane, t) + later)
        for part, members in self._shared:
            self._share_out(part, members, each, rows, now, seconds)
        return each

    def takes(self, rows: Ints, size: Floats) -> Floats:
        relative = np.nan_to_num(size / self.servers.fleet.mean_size, nan=1.0)
        return np.where(self._by_tokens.take(rows, 0), relative[:, None], 1.0)

    def keeps(self, rows: Ints) -> Floats:
        return self._table(self._limits.keeps(self._lanes(rows, np.zeros(len(rows)))[0]))

    def ahead(self, rows: Ints, now: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        arrived = np.floor(now * self.rate + 1e-6) + 1
        left = np.maximum(self.requests - arrived, 0.0)
        return left, np.maximum((self.requests - 1) / self.rate - now, 0.0)

    def _share_out(  # noqa: PLR0917
        self,
        part: Part,
        members: list[int],
        each: Floats,
        rows: Ints,
        now: Floats,
        seconds: Floats,
    ) -> None:
        """Give what an account admits to its servers in ``each`` (n, K), the best first."""
        lane, t = self._lanes(rows, now)
        first = members[0]
        mine = part.lanes[lane.reshape(each.shape)[:, first]]
        since = t.reshape(each.shape)[:, first]
        until = since + seconds[:, members].max(axis=1)
        later = part.limiter.admissions(mine, since, until)
        later -= part.limiter.admissions(mine, since, since)
        left = part.limiter.remaining(mine, since) + later
        left /= self.servers.fleet.mean_size if part.in_tokens else 1.0
        order = np.argsort(-self.success(rows, now)[:, members], axis=1)
        places = np.array(members)[order]
        for column in places.T:
            own = np.minimum(each[np.arange(len(each)), column], left)
            each[np.arange(len(each)), column] = own
            left = left - own

    def _sizes(self, size: Floats) -> Floats:
        """(n x K,) mean where it is not known."""
        known = np.nan_to_num(size, nan=self.servers.fleet.mean_size)
        return np.repeat(known, self.servers.arms)

    def _lanes(self, rows: Ints, now: Floats) -> tuple[Ints, Floats]:
        """(n x K,) the servers of these fleets, and the seconds since the first attempt of each."""
        arms = self.servers.arms
        lanes = rows[:, None] * arms + np.arange(arms)
        since = np.nan_to_num(now - self.servers.origin.take(rows))
        return lanes.ravel(), np.repeat(since, arms)

    def _table(self, lanes: Floats) -> Floats:
        """(n, K)"""
        return lanes.reshape(-1, self.servers.arms)


def _by_tokens(servers: Servers) -> Bools:
    """(R, K) whether the scarcest limit of each server counts tokens."""
    least, found = np.full(servers.fleet.shape, np.inf), np.zeros(servers.fleet.shape, dtype=bool)
    for limited in servers.fleet.limits:
        mean = servers.fleet.mean_size if limited.spec.in_tokens else 1.0
        for place, group in enumerate(limited.groups):
            arms = list(group)
            each = limited.base[:, [place]] / limited.spec.window / mean
            found[:, arms] = np.where(each < least[:, arms], limited.spec.in_tokens, found[:, arms])
            least[:, arms] = np.minimum(each, least[:, arms])
    return found
