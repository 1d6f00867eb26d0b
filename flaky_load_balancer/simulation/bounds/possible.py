"""What is possible at all with a fleet: its bound, whatever kind of scenario it is of."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Rules
from flaky_load_balancer.simulation.bounds.bound import bound, unlimited
from flaky_load_balancer.simulation.bounds.sliced import Slices, bound_without_limits, sliced_bound
from flaky_load_balancer.simulation.bounds.tasks import task_bound
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.worlds.world import world_of


def bounds(
    servers: Servers,
    requests: int,
    *,
    rate: float,
    rules: Rules,
    deadline: float = 10.0,
    attempt_timeout: float = 2.0,
) -> Floats:
    """(R,) for each fleet, the best mean score of a run of so many requests.

    ``rate`` in requests per second; ``deadline`` in seconds after the arrival of each;
    ``attempt_timeout`` in seconds, after which an attempt has failed.
    """
    within = min(attempt_timeout, deadline)
    if not requests:
        return np.zeros(servers.replications)
    if servers.scenario.contexts is not None:
        return _by_task(servers, requests, rate, deadline, rules, within)
    changes = servers.scenario.changes
    if changes:
        return _changing(servers, Slices.cut(changes, requests, rate, deadline), rules, within)
    success = servers.success(0.0, within)
    if servers.limiter is None:
        return np.array([unlimited(float(s), requests, rules) for s in success.max(axis=1)])
    capacity = servers.admissions(0.0, (requests - 1) / rate + deadline)
    fleets = zip(success, capacity, strict=True)
    return np.array([bound(s, c, requests, rules) for s, c in fleets])


def _by_task(  # noqa: PLR0917
    servers: Servers, requests: int, rate: float, deadline: float, rules: Rules, within: float
) -> Floats:
    """(R,) as ``bounds`` where requests have tasks: at every time as at the best one for each."""
    scenario = servers.scenario
    world = world_of(scenario, servers.fleet.seeds)
    assert world is not None
    times = [0.0, *(time for time in scenario.changes if np.isfinite(time))]
    worths = [quality - rules.usd * cost for quality, cost in map(world.worth, times)]
    worth = np.max(worths, axis=0)
    success = np.max([servers.success(time, within) for time in times], axis=0)
    capacity = servers.admissions(0.0, (requests - 1) / rate + deadline)
    fleets = zip(success, capacity, strict=True)
    weights = world.weights()
    return np.array([task_bound(s, worth, weights, c, requests, rules) for s, c in fleets])


def _changing(servers: Servers, slices: Slices, rules: Rules, within: float) -> Floats:
    """(R,) as ``bounds`` where faults come and go; answers count ``within`` so many seconds."""
    success = np.stack([servers.success(start, within) for start in slices.edges[:-1]], axis=1)
    if servers.limiter is None:
        return np.array([bound_without_limits(each, slices, rules) for each in success])
    fleets = zip(success, _admissions(servers, slices.edges), strict=True)
    return np.array([sliced_bound(s, most, slices, rules) for s, most in fleets])


def _admissions(servers: Servers, edges: Floats) -> Floats:
    """(R, S, S, K) what each server admits from the beginning of one slice to the end of another.

    The end itself belongs to the next slice, and to its window.
    """
    count = len(edges) - 1
    most = np.full((servers.replications, count, count, servers.arms), np.inf)
    for first in range(count):
        for last in range(first, count):
            end = np.nextafter(edges[last + 1], 0.0)
            most[:, first, last] = servers.admissions(edges[first], end)
    return most
