"""What we know of servers that are our own: their true rates, and what is possible at all."""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.bound import bound
from flaky_load_balancer.fleet import Fleet
from flaky_load_balancer.scenarios import Scenario
from flaky_load_balancer.servers import Servers
from flaky_load_balancer.settings import Game
from flaky_load_balancer.tally import Bound, interpolated

POINTS = 24  # at which the bound is computed; between them it is interpolated


@dataclass(frozen=True)
class Known:
    """The truth about one fleet.

    ``success`` (K,) are the chances of success; ``grid`` pairs of requests and the best mean
    score with so many, None where success changes during a run.
    """

    scenario: Scenario
    success: tuple[float, ...]
    grid: tuple[tuple[int, float], ...] | None

    @property
    def bound(self) -> Bound | None:
        """The best mean score of so many requests: what regret is measured against."""
        return None if self.grid is None else interpolated(self.grid)


def known(scenario: Scenario, seed: int, game: Game, rate: float, requests: int) -> Known:
    """What there is to know about the fleet that this seed draws, for runs of so many requests."""
    servers = Servers(Fleet.draw(scenario, seed, rate=rate))
    success = servers.fleet.success[0]
    counts = sorted({0, *np.geomspace(1, requests, POINTS).round().astype(int).tolist()})
    grid = None
    if not scenario.faults:
        rules = game.rules(scenario.servers)
        grid = tuple(
            (n, bound(success, _capacity(servers, n, rate, game), n, rules) if n else 0.0)
            for n in counts
        )
    return Known(scenario, tuple(float(s) for s in success), grid)


def _capacity(servers: Servers, requests: int, rate: float, game: Game) -> np.ndarray:
    """(K,) the most admissions from the first arrival to the last deadline."""
    admissions: np.ndarray = servers.admissions(0.0, (requests - 1) / rate + game.deadline)[0]
    return admissions
