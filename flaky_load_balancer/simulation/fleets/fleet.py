"""A fleet: what chance made of a scenario, for R replications of K servers.

Everything is a function of (seed, replication, scenario name, server index), see ``chance``.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.fleets.chance import Words
from flaky_load_balancer.simulation.fleets.failures import Drifting, Failures, Flapping, Steady
from flaky_load_balancer.simulation.fleets.joint import Joint
from flaky_load_balancer.simulation.fleets.latencies import Latencies, Lognormal, Pareto
from flaky_load_balancer.simulation.fleets.limited import Limited, per_server
from flaky_load_balancer.simulation.fleets.limits import Limiter
from flaky_load_balancer.simulation.fleets.motions import between, drawn
from flaky_load_balancer.simulation.scenarios import Scenario, ScenarioError

MOST_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Fleet:
    """R fleets of K servers, each a function of the seed and of its replication's number."""

    scenario: Scenario
    seeds: Words  # (R,)
    success: Floats  # (R, K) the chance that an admitted attempt succeeds, faults apart
    limits: tuple[Limited, ...]

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

        ``rate`` is the arrival rate that the ``capacity`` of a limit refers to.
        Raises a ``ScenarioError`` when no fleet of the wanted capacity turns up.
        """
        fleet = cls._drawn(scenario, chance.seeds(seed, replications, first), 0)
        wrong = ~fleet._fits(rate)
        for draw in range(1, MOST_DRAWS):
            if not wrong.any():
                return fleet
            again = cls._drawn(scenario, fleet.seeds[wrong], draw)
            fleet.success[wrong] = again.success
            for limited, other in zip(fleet.limits, again.limits, strict=True):
                limited.base[wrong] = other.base
            wrong[wrong] = ~again._fits(rate)
        raise ScenarioError(_impossible(scenario, rate))

    @property
    def shape(self) -> tuple[int, int]:
        """(R, K)."""
        rows, arms = self.success.shape
        return rows, arms

    @property
    def mean_size(self) -> float:
        """Tokens of a request on average; 1 where requests have no size."""
        size = self.scenario.size
        return 1.0 if size is None else max(1.0, size.median * float(np.exp(size.sigma**2 / 2)))

    def keys(self, purpose: str) -> Words:
        """(R, K) one stream of chance for every server."""
        return _keys(self.scenario, self.seeds, purpose)

    def sizes(self, rows: Ints, count: Ints) -> Floats:
        """(n,) the tokens of these requests, numbered from 1; NaN where they have no size."""
        size = self.scenario.size
        if size is None:
            return np.full(len(rows), np.nan)
        key = chance.key(self.seeds[rows], self.scenario.name, 0, "size")
        luck = chance.normal(chance.uniform(key, count))
        whole: Floats = np.maximum(np.rint(size.median * np.exp(size.sigma * luck)), 1.0)
        return whole

    def limiter(self) -> Limiter | None:
        """A fresh limiter for these R x K servers; None where the scenario has no limit."""
        if not self.limits:
            return None
        spec = self.limits[0].spec
        if len(self.limits) > 1 or spec.in_tokens or spec.account or spec.servers is not None:
            parts = [limited.part(limited.limiter()) for limited in self.limits]
            return Joint(parts, self.mean_size)
        return self.limits[0].limiter()

    def latencies(self) -> Latencies:
        """How long these R x K servers take to answer."""
        spec = self.scenario.latency
        if spec.tail is None:
            return Lognormal(spec.median, spec.sigma)
        tail = per_server(spec.tail, chance.uniform(self.keys("tail"), 0), whole=False)
        return Pareto(spec.median, tail.ravel())

    def failures(self) -> Failures:
        """How often these R x K servers fail, faults apart."""
        spec, base = self.scenario.failure, 1 - self.success.ravel()
        if spec.motion is not None:
            return Drifting(base, drawn(spec.motion, self._keys_of_failures))
        if spec.markov is None:
            return Steady(base)
        up = between(spec.markov.up, self._numbers("up"))
        down = between(spec.markov.down, self._numbers("down"))
        return Flapping(base, up, down, spec.markov.rate, self.keys("markov").ravel())

    def _keys_of_failures(self, purpose: str) -> Words:
        return self.keys(f"failure {purpose}")

    def _numbers(self, purpose: str) -> Floats:
        return chance.uniform(self.keys(purpose).ravel(), 0)

    def _fits(self, rate: float) -> Bools:
        """(R,) whether sum(limit x success) over the arrival rate is what each limit wants."""
        fits = np.ones(len(self.seeds), dtype=bool)
        for limited in self.limits:
            if limited.spec.capacity is not None:
                low, high = limited.spec.capacity
                capacity = limited.capacity(self.success, self.mean_size) / rate
                fits &= (low <= capacity) & (capacity <= high)
        return fits

    @classmethod
    def _drawn(cls, scenario: Scenario, seeds: Words, draw: int) -> "Fleet":
        numbers = chance.uniform(_keys(scenario, seeds, "failure"), draw)
        success = 1 - per_server(scenario.failure.rate, numbers, whole=False)
        places = range(len(scenario.limits))
        limits = tuple(Limited.drawn(scenario, place, seeds, draw) for place in places)
        return cls(scenario, seeds, success, limits)


def _keys(scenario: Scenario, seeds: Words, purpose: str) -> Words:
    return chance.key(seeds[:, None], scenario.name, np.arange(scenario.servers), purpose)


def _impossible(scenario: Scenario, rate: float) -> str:
    wanted = [limit.capacity for limit in scenario.limits if limit.capacity is not None]
    ranges = " and ".join(f"from {low:g} to {high:g}" for low, high in wanted)
    return (
        f"{scenario.name}: limit.capacity: none of {MOST_DRAWS} fleets drawn has"
        f" sum(limit x success) / rate {ranges} at {rate:g} requests per second:"
        " expected another capacity, limit or --rate"
    )
