"""What is possible at all with a fleet: its bound, whatever kind of scenario it is of."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from flaky_load_balancer.core.types import Floats, Rules
from flaky_load_balancer.simulation.bounds.bound import unlimited
from flaky_load_balancer.simulation.bounds.kinds import Caps, Kinds, bound_of_kinds
from flaky_load_balancer.simulation.bounds.sliced import Slices, bound_without_limits, sliced_bound
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.world import world_of

SLICES, SLICES_OF_LIMITS = 100, 6  # of time, where rates of failure move


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
    if not servers.scenario.steady:
        cuts = moments(servers.scenario, (requests - 1) / rate + deadline)
        slices = Slices.cut(cuts, requests, rate, deadline)
        return _changing(servers, requests, slices, rules, within)
    success = servers.success(0.0, within)
    if servers.limiter is None:
        return np.array([unlimited(float(s), requests, rules) for s in success.max(axis=1)])
    alike = np.ones(1), np.ones((1, servers.arms))
    return _of_kinds(servers, success, alike, requests, rate, deadline, rules)


def _by_task(  # noqa: PLR0917
    servers: Servers, requests: int, rate: float, deadline: float, rules: Rules, within: float
) -> Floats:
    """(R,) as ``bounds`` where requests have tasks: at every time as at the best one for each."""
    scenario = servers.scenario
    world = world_of(scenario, servers.fleet.seeds)
    assert world is not None
    end = (requests - 1) / rate + deadline
    times = [0.0, *(time for time in scenario.changes if np.isfinite(time))]
    worths = [quality - rules.usd * cost for quality, cost in map(world.worth, times)]
    pairs = pairwise([*times, max(end, times[-1])])
    success = np.max([servers.best_success(*pair, within) for pair in pairs], axis=0)
    tasks = world.weights(), np.max(worths, axis=0)
    return _of_kinds(servers, success, tasks, requests, rate, deadline, rules)


def _of_kinds(  # noqa: PLR0917
    servers: Servers,
    success: Floats,
    tasks: tuple[Floats, Floats],
    requests: int,
    rate: float,
    deadline: float,
    rules: Rules,
) -> Floats:
    """(R,) as ``bounds``: ``success`` (R, K), the shares and worths of ``tasks``."""
    caps = _caps(servers, 0.0, (requests - 1) / rate + deadline)
    best = []
    for row, chances in enumerate(success):
        kinds = Kinds.of(*tasks, _sizes(servers, row, requests))
        mine = replace(caps, most=caps.most[row])
        best.append(bound_of_kinds(chances, kinds, mine, requests, rules))
    return np.array(best)


def _sizes(servers: Servers, row: int, requests: int) -> Floats | None:
    """(N,) the sizes of a run's requests; None where nobody counts them."""
    if not any(limit.in_tokens for limit in servers.scenario.limits):
        return None
    return servers.fleet.sizes(np.full(requests, row), np.arange(1, requests + 1))


def _caps(servers: Servers, start: float, end: float) -> Caps:
    """What all limits allow between two times; ``most`` (R, L)."""
    limits = servers.fleet.limits
    if not limits:
        each = Caps.each(np.ones(servers.arms))
        return replace(each, most=np.full(servers.fleet.shape, np.inf))
    most = []
    for limited, limiter in zip(limits, servers.limiters, strict=True):
        lanes = np.arange(limited.base.size)
        since, until = np.full(lanes.shape, start), np.full(lanes.shape, end)
        most.append(limiter.admissions(lanes, since, until).reshape(limited.base.shape))
    tokens = [np.full(len(limited.groups), limited.spec.in_tokens) for limited in limits]
    members = [limited.members() for limited in limits]
    return Caps(np.vstack(members), np.concatenate(tokens), np.hstack(most))


def moments(scenario: Scenario, end: float) -> tuple[float, ...]:
    """Where the time until ``end`` (seconds) is cut: at faults, and evenly where rates move.

    The more slices there are, the less a bound takes the best of each for all of it; with limits
    the programme grows with their square.
    """
    if not (scenario.failure.motion or scenario.failure.markov):
        return scenario.changes
    count = SLICES if not scenario.limits else SLICES_OF_LIMITS
    even = np.linspace(0.0, end, count + 1)[1:-1].tolist()
    return tuple(sorted({*scenario.changes, *even}))


def _changing(
    servers: Servers, requests: int, slices: Slices, rules: Rules, within: float
) -> Floats:
    """(R,) as ``bounds`` where faults come and go; answers count ``within`` so many seconds."""
    ends = np.nextafter(slices.edges[1:], 0.0)  # what begins there belongs to the next slice
    spans = zip(slices.edges[:-1].tolist(), ends.tolist(), strict=True)
    success = np.stack([servers.best_success(*span, within) for span in spans], axis=1)
    if servers.limiter is None:
        return np.array([bound_without_limits(each, slices, rules) for each in success])
    caps = _caps_of_slices(servers, slices.edges)
    best = []
    for row, chances in enumerate(success):
        mine = replace(caps, most=caps.most[row])
        sizes = _sizes(servers, row, requests)
        best.append(sliced_bound(chances, mine, slices, rules, sizes))
    return np.array(best)


def _caps_of_slices(servers: Servers, edges: Floats) -> Caps:
    """As ``_caps``, ``most`` (R, S, S, L) from the beginning of one slice to the end of another.

    The end itself belongs to the next slice, and to its window.
    """
    count = len(edges) - 1
    whole = _caps(servers, edges[0], edges[-1])
    most = np.full((servers.replications, count, count, whole.most.shape[1]), np.inf)
    for first in range(count):
        for last in range(first, count):
            end = np.nextafter(edges[last + 1], 0.0)
            most[:, first, last] = _caps(servers, edges[first], end).most
    return replace(whole, most=most)
