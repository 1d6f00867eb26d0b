"""One limit of a scenario as chance made it, for the servers of R replications.

It has L limiters in each replication: one for each of its servers, or one for an account.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.fleets.chance import Words
from flaky_load_balancer.simulation.fleets.joint import NOWHERE, Part
from flaky_load_balancer.simulation.fleets.limits import (
    FixedWindow,
    Limiter,
    SlidingTokens,
    SlidingWindow,
    TokenBucket,
)
from flaky_load_balancer.simulation.fleets.motions import Motion, Still, drawn
from flaky_load_balancer.simulation.scenarios import Limit, PerServer, Scenario


@dataclass(frozen=True, eq=False)
class Limited:
    """``base`` (R, L) is what each limiter admits in a window before any motion."""

    scenario: Scenario
    number: int  # among the scenario's limits
    seeds: Words  # (R,)
    base: Floats

    @classmethod
    def drawn(cls, scenario: Scenario, number: int, seeds: Words, draw: int) -> "Limited":
        limited = cls(scenario, number, seeds, np.empty(0))
        numbers = chance.uniform(limited._keys("limit"), draw)
        base = per_server(limited.spec.admissions, numbers, whole=not limited.bucket)
        return cls(scenario, number, seeds, base)

    @property
    def spec(self) -> Limit:
        return self.scenario.limits[self.number]

    @property
    def bucket(self) -> bool:
        return self.spec.kind == "token-bucket"

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The servers behind each of the L limiters."""
        return self.spec.groups(self.scenario.servers)

    def members(self) -> Floats:
        """(L, K) 1 where a server is behind a limiter, else 0."""
        table = np.zeros((len(self.groups), self.scenario.servers))
        for place, group in enumerate(self.groups):
            table[place, list(group)] = 1.0
        return table

    def capacity(self, success: Floats, mean: float) -> Floats:
        """(R,) attempts per second that can succeed; ``success`` (R, K), ``mean`` tokens each.

        Those of an account succeed as its servers do on average.
        """
        members = self.members()
        average = success @ (members / members.sum(axis=1, keepdims=True)).T
        each = self.base / self.spec.window / (mean if self.spec.in_tokens else 1.0)
        capacity: Floats = (each * average).sum(axis=1)
        return capacity

    def part(self, limiter: Limiter) -> Part:
        """A ``limiter`` of it, among those of other limits."""
        return Part(limiter, self._lanes(), self.spec.in_tokens, self.spec.retry_after)

    def limiter(self) -> Limiter:
        """Fresh limiters; their lanes are those of ``base``, flattened."""
        spec, base, motion = self.spec, self.base.ravel(), self._motion()
        if self.bucket:
            burst = base if spec.burst is None else spec.burst
            return TokenBucket(base, spec.window, motion, burst)
        if spec.kind == "fixed-window":
            return FixedWindow(base, spec.window, motion)
        if spec.in_tokens:
            return SlidingTokens(base, spec.window, motion)
        most = 1 + (0.0 if spec.motion is None else spec.motion.amplitude[1])
        return SlidingWindow(base, spec.window, motion, most)

    def _lanes(self) -> Ints:
        """(R x K,) the lane of each server's limiter."""
        rows, count = self.base.shape
        lanes = np.full((rows, self.scenario.servers), NOWHERE, dtype=np.intp)
        for place, group in enumerate(self.groups):
            lanes[:, list(group)] = (np.arange(rows) * count + place)[:, None]
        return lanes.ravel()

    def _motion(self) -> Motion:
        return Still() if self.spec.motion is None else drawn(self.spec.motion, self._keys)

    def _keys(self, purpose: str) -> Words:
        """(R, L) one stream of chance for every limiter: that of its first server."""
        first = [group[0] for group in self.groups]
        apart = f" {self.number}" if self.number else ""
        return chance.key(self.seeds[:, None], self.scenario.name, first, purpose + apart)


def per_server(spec: PerServer, numbers: Floats, *, whole: bool) -> Floats:
    """(R, K) values; whole ones include both ends."""
    low, high = np.array(spec.low), np.array(spec.high)
    spread: Floats = np.floor(numbers * (high - low + 1)) if whole else numbers * (high - low)
    return low + spread
