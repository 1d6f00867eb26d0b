"""A fleet: what chance made of a scenario, for R replications of K servers.

Everything is a function of (seed, replication, scenario name, server index), see ``chance``.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.fleets.chance import Words
from flaky_load_balancer.simulation.fleets.limits import (
    FixedWindow,
    Limiter,
    SlidingWindow,
    TokenBucket,
)
from flaky_load_balancer.simulation.fleets.motions import (
    STEPS_OF_A_WALK,
    TURN,
    Motion,
    Pieces,
    Sinusoid,
    Still,
    Walk,
)
from flaky_load_balancer.simulation.scenarios import Limit, PerServer, Scenario, ScenarioError

MOST_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Fleet:
    """R fleets of K servers, each a function of the seed and of its replication's number."""

    scenario: Scenario
    seeds: Words  # (R,)
    success: Floats  # (R, K) the chance that an admitted attempt succeeds, faults apart
    limit: Floats  # (R, K) admissions per window before any motion; infinite without a limit

    @classmethod
    def draw(
        cls,
        scenario: Scenario,
        seed: int,
        *,
        first: int = 0,
        replications: int = 1,
        rate: float = 10.0,
    ) -> "Fleet":
        """Draw the fleets of replications ``first``, ``first + 1``, ... of this seed.

        ``rate`` is the arrival rate that ``limit.capacity`` refers to.
        Raises a ``ScenarioError`` when no fleet of the wanted capacity turns up.
        """
        fleet = cls._drawn(scenario, chance.seeds(seed, replications, first), 0)
        wrong = ~fleet._fits(rate)
        for draw in range(1, MOST_DRAWS):
            if not wrong.any():
                return fleet
            again = cls._drawn(scenario, fleet.seeds[wrong], draw)
            fleet.success[wrong] = again.success
            fleet.limit[wrong] = again.limit
            wrong[wrong] = ~again._fits(rate)
        raise ScenarioError(_impossible(scenario, rate))

    @property
    def shape(self) -> tuple[int, int]:
        """(R, K)."""
        rows, arms = self.success.shape
        return rows, arms

    @property
    def rate(self) -> Floats:
        """(R, K) admissions per second before any motion; infinite without a limit."""
        limit = self.scenario.limit
        return self.limit if limit is None else self.limit / limit.window

    def keys(self, purpose: str) -> Words:
        """(R, K) one stream of chance for every server."""
        return _keys(self.scenario, self.seeds, purpose)

    def limiter(self) -> Limiter | None:
        """A fresh limiter for these R x K servers; None where the scenario has no limit."""
        spec, limit = self.scenario.limit, self.limit.ravel()
        if spec is None:
            return None
        motion = self._motion(spec)
        if spec.kind == "token-bucket":
            return TokenBucket(limit, spec.window, motion, spec.burst)
        if spec.kind == "fixed-window":
            return FixedWindow(limit, spec.window, motion)
        most = 1 + (0.0 if spec.motion is None else spec.motion.amplitude[1])
        return SlidingWindow(limit, spec.window, motion, most)

    def _motion(self, limit: Limit) -> Motion:
        spec = limit.motion
        if spec is None:
            return Still()
        amplitude = _between(spec.amplitude, self._numbers("amplitude"))
        period = _between(spec.period, self._numbers("period"))
        phase = self._numbers("phase")
        if spec.kind == "sinusoid":
            return Sinusoid(amplitude, period, TURN * phase)
        keys = self.keys("motion").ravel()
        if spec.kind == "steps":
            return Pieces(keys, amplitude, period, phase)
        return Walk(keys, amplitude, period / STEPS_OF_A_WALK, phase)

    def _numbers(self, purpose: str) -> Floats:
        return chance.uniform(self.keys(purpose).ravel(), 0)

    def _fits(self, rate: float) -> Bools:
        """(R,) whether sum(limit x success) over the arrival rate is what the scenario wants."""
        limit = self.scenario.limit
        if limit is None or limit.capacity is None:
            return np.ones(len(self.seeds), dtype=bool)
        capacity = (self.rate * self.success).sum(axis=1) / rate
        low, high = limit.capacity
        fits: Bools = (low <= capacity) & (capacity <= high)
        return fits

    @classmethod
    def _drawn(cls, scenario: Scenario, seeds: Words, draw: int) -> "Fleet":
        numbers = chance.uniform(_keys(scenario, seeds, "failure"), draw)
        success = 1 - _per_server(scenario.failure.rate, numbers, whole=False)
        limit = np.full(success.shape, np.inf)
        if scenario.limit is not None:
            numbers = chance.uniform(_keys(scenario, seeds, "limit"), draw)
            whole = scenario.limit.kind != "token-bucket"
            limit = _per_server(scenario.limit.admissions, numbers, whole=whole)
        return cls(scenario, seeds, success, limit)


def _keys(scenario: Scenario, seeds: Words, purpose: str) -> Words:
    return chance.key(seeds[:, None], scenario.name, np.arange(scenario.servers), purpose)


def _per_server(spec: PerServer, numbers: Floats, *, whole: bool) -> Floats:
    """(R, K) values; whole ones include both ends."""
    low, high = np.array(spec.low), np.array(spec.high)
    spread: Floats = np.floor(numbers * (high - low + 1)) if whole else numbers * (high - low)
    return low + spread


def _between(ends: tuple[float, float], numbers: Floats) -> Floats:
    return ends[0] + numbers * (ends[1] - ends[0])


def _impossible(scenario: Scenario, rate: float) -> str:
    assert scenario.limit is not None
    assert scenario.limit.capacity is not None
    low, high = scenario.limit.capacity
    return (
        f"{scenario.name}: limit.capacity: none of {MOST_DRAWS} fleets drawn has"
        f" sum(limit x success) / rate from {low:g} to {high:g} at {rate:g} requests per second:"
        " expected another capacity, limit or --rate"
    )
