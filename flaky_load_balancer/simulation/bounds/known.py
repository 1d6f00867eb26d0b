"""What is known of a fleet of our own: the truth about its servers, and what is possible at all."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import inf, isfinite
from typing import Any

import numpy as np

from flaky_load_balancer.config import Game
from flaky_load_balancer.core.tally import Bound, interpolated
from flaky_load_balancer.simulation.bounds.possible import bounds, moments
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.world import rules_of

POINTS = 24  # at which the bound is computed; between them it is interpolated


@dataclass(frozen=True)
class Piece:
    """A stretch of time in which no server changes, in seconds since the fleet's first attempt."""

    start: float
    end: float  # excluded; infinite for the last one
    success: tuple[float, ...]  # (K,) the chance that an admitted attempt succeeds in time


@dataclass(frozen=True)
class Known:
    """The truth about one fleet.

    ``success`` (K,) are the chances of success, faults apart; ``pieces`` the same over time, with
    faults and the attempt timeout; ``grid`` pairs of requests and the best mean score with so many.
    """

    scenario: Scenario
    success: tuple[float, ...]
    pieces: tuple[Piece, ...]
    grid: tuple[tuple[int, float], ...]

    @property
    def bound(self) -> Bound:
        """The best mean score of so many requests: what regret is measured against."""
        return interpolated(self.grid)

    def truth(self) -> dict[str, list[Any]]:
        """The pieces as JSON for charts: ``success[n]`` (K,) holds from second ``from[n]`` on."""
        return {
            "from": [piece.start for piece in self.pieces],
            "success": [list(piece.success) for piece in self.pieces],
        }

    def faults(self) -> list[dict[str, Any]]:
        """The faults as JSON for charts; times as in ``truth``, ``to`` None where it never ends."""
        return [
            {
                "from": fault.start,
                "to": fault.end if isfinite(fault.end) else None,
                "servers": list(fault.servers),
                "kind": fault.kind,
            }
            for fault in self.scenario.faults
        ]


def known(scenario: Scenario, seed: int, game: Game, rate: float, requests: int) -> Known:
    """What there is to know about the fleet that this seed draws, for runs of so many requests.

    It is the fleet of replication 0, which the harness plays.
    """
    servers = Servers(Fleet.draw(scenario, seed, rate=rate))
    best = partial(
        bounds,
        servers,
        rate=rate,
        rules=rules_of(scenario, game.rules(scenario.servers)),
        deadline=game.deadline,
        attempt_timeout=game.attempt_timeout,
    )
    counts = sorted({0, *np.geomspace(1, requests, POINTS).round().astype(int).tolist()})
    return Known(
        scenario,
        tuple(servers.fleet.success[0].tolist()),
        _pieces(servers, min(game.attempt_timeout, game.deadline), requests / rate),
        tuple((n, float(best(n)[0])) for n in counts),
    )


def _pieces(servers: Servers, within: float, seconds: float) -> tuple[Piece, ...]:
    """The truth of the first fleet, cut where a fault begins or ends, and evenly if it drifts."""
    cuts = sorted({0.0, *filter(isfinite, moments(servers.scenario, seconds))})
    return tuple(
        Piece(start, end, tuple(servers.success(start, within)[0].tolist()))
        for start, end in pairwise([*cuts, inf])
    )
