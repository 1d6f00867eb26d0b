"""What we know of servers that are our own: their true rates, and what is possible at all."""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.config import Game
from flaky_load_balancer.core.tally import Bound, interpolated
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario

POINTS = 24  # at which the bound is computed; between them it is interpolated


@dataclass(frozen=True)
class Known:
    """The truth about one fleet.

    ``success`` (K,) are the chances of success, faults apart; ``grid`` pairs of requests and the
    best mean score with so many.
    """

    scenario: Scenario
    success: tuple[float, ...]
    grid: tuple[tuple[int, float], ...]

    @property
    def bound(self) -> Bound:
        """The best mean score of so many requests: what regret is measured against."""
        return interpolated(self.grid)


def known(scenario: Scenario, seed: int, game: Game, rate: float, requests: int) -> Known:
    """What there is to know about the fleet that this seed draws, for runs of so many requests."""
    servers = Servers(Fleet.draw(scenario, seed, rate=rate))
    counts = sorted({0, *np.geomspace(1, requests, POINTS).round().astype(int).tolist()})
    rules = game.rules(scenario.servers)
    grid = tuple(
        (n, float(bounds(servers, n, rate=rate, deadline=game.deadline, rules=rules)[0]))
        for n in counts
    )
    return Known(scenario, tuple(servers.fleet.success[0].tolist()), grid)
