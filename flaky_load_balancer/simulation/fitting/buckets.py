"""The token bucket that explains refusals best."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fitting import replay
from flaky_load_balancer.simulation.fitting.explanation import NEVER, Explanation, explained, spare
from flaky_load_balancer.simulation.fitting.received import DAY, Received
from flaky_load_balancer.simulation.fitting.search import Range, narrowed, slack

BURSTS: tuple[float, ...] = (  # tokens
    *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200),
)
PROMISING = 4  # bursts that are tried with care
COARSE = 120  # rates that are tried first
FINE = 60  # between two of them


def token_bucket(servers: Sequence[Received]) -> Explanation:
    """The burst is the same for all servers, the rate each one's own.

    All bursts are tried with coarse rates, the most promising ones with the best rates.
    """
    coarse = np.sum([_of_bursts(server) for server in servers if server.limited], axis=0)
    likely = np.argsort(coarse, kind="stable")[:PROMISING]
    tried = {BURSTS[place]: _with_burst(servers, BURSTS[place]) for place in np.sort(likely)}
    best = min(tried.values(), key=lambda each: each.unexplained)
    most = best.unexplained + spare(best.unexplained, servers)
    fair = [burst for burst, each in tried.items() if each.unexplained <= most]
    return replace(best, burst=Range(best.burst.value, min(fair), max(fair)))


def _with_burst(servers: Sequence[Received], burst: float) -> Explanation:
    """With the rate of each server that gets the least wrong."""
    limits = [_rate(server, burst) if server.limited else NEVER for server in servers]
    refusing = [
        _refused_by(server, np.array([limit.value]), burst)[:, 0]
        if server.limited
        else np.zeros(len(server.t), bool)
        for server, limit in zip(servers, limits, strict=True)
    ]
    return explained(
        "token-bucket", servers, limits, refusing, extra=1, burst=Range(burst, burst, burst)
    )


def _of_bursts(server: Received) -> Ints:
    """(BURSTS,) how many attempts each burst gets wrong, with a rate that suits it."""
    rates = _rates(server)
    wrong = _of_pairs(server, rates)
    middle = rates[int(wrong.min(axis=0).argmin())]
    finer = _of_pairs(server, middle * np.geomspace(rates[0] / rates[1], rates[1] / rates[0], FINE))
    best: Ints = np.minimum(wrong.min(axis=1), finer.min(axis=1))
    return best


def _of_pairs(server: Received, rates: Floats) -> Ints:
    """(BURSTS, rates)"""
    rate, burst = (each.ravel() for each in np.meshgrid(rates, np.array(BURSTS)))
    wrong = server.misjudged(replay.bucket(server.t, server.took, rate, burst))
    return wrong.reshape(len(BURSTS), len(rates))


def _rate(server: Received, burst: float) -> Range:
    def cost(rates: Floats) -> Ints:
        return server.misjudged(_refused_by(server, rates, burst))

    tried = _rates(server)
    return narrowed(cost, tried, slack(int(cost(tried).min()), len(server.t)))


def _refused_by(server: Received, rates: Floats, burst: float) -> Bools:
    return replay.bucket(server.t, server.took, rates, np.full(len(rates), burst))


def _rates(server: Received) -> Floats:
    """From far below what was admitted to what would have prevented every refusal."""
    span = max(float(server.t[-1] - server.t[0]), 1e-3)
    least = max(int(np.count_nonzero(server.took)), 1) / span / 8
    gaps = np.diff(server.t, prepend=-np.inf)[server.refused]
    shortest = float(np.min(gaps, initial=DAY, where=gaps > 1e-4))
    return np.geomspace(least, max(2 / shortest, 64 * least), COARSE)
