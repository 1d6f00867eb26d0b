"""Where fixed windows of any length can begin.

Within a window nothing is admitted after a refusal.  So between a refusal and the next admission of
the same server a window begins, and a window and its phase are likely if many of these gaps have a
beginning in them that would hardly have one by chance.
"""

from collections.abc import Sequence

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.fitting.received import Received

GAPS = 400  # the shortest ones: they tell most
WINDOWS = 3000  # tried, from a few times the shortest gap to a third of the log
HINTS = 3  # windows that are looked at with care
NEAR = 0.5  # of a period: how far a beginning may have drifted from the first to the last gap


def hinted(servers: Sequence[Received], span: float, tick: float) -> list[tuple[float, float]]:
    """Pairs of a window and its phase, in seconds, the likeliest first."""
    gaps = [_gaps(server) for server in servers if server.limited]
    begin, end = np.concatenate([*gaps, np.empty((0, 2))]).T
    order = np.argsort(end - begin, kind="stable")[:GAPS]
    begin, end = begin[order], end[order]
    if len(begin) < 4 or span <= 0:
        return []
    shortest = max(2 * float(np.median(end - begin)), 2 * tick, span / 1000)
    if shortest >= span / 3:
        return []
    windows = 1 / np.linspace(3 / span, 1 / shortest, WINDOWS)
    found = [(*_best_phase(begin, end, window), window) for window in windows.tolist()]
    found.sort(reverse=True)
    return [_refined(begin, end, window, span) for _, _, window in found[:HINTS]]


def _gaps(server: Received) -> Floats:
    """(n, 2) from a refusal to the admission that comes next."""
    known = server.refused | server.took
    t, refused = server.t[known], server.refused[known]
    last = np.flatnonzero(refused[:-1] & ~refused[1:])
    return np.stack([t[last], t[last + 1]], axis=1)


def _refined(begin: Floats, end: Floats, window: float, span: float) -> tuple[float, float]:
    """The likeliest window nearby, and its phase."""
    step = NEAR * window**2 / span
    nearby = np.linspace(window - step, window + step, 41)
    _, phase, best = max((*_best_phase(begin, end, each), each) for each in nearby.tolist())
    return best, phase


def _best_phase(begin: Floats, end: Floats, window: float) -> tuple[float, float]:
    """The log likelihood ratio against chance of the best phase, and the phase."""
    share = np.minimum((end - begin) / window, 1.0)
    worth = -np.log(np.maximum(share, 1e-3)) * (share < 1)
    low, high = begin % window, begin % window + np.minimum(end - begin, window)
    around = high > window  # the gap goes on at the beginning of the period
    edges = np.concatenate([low, high, np.zeros(around.sum()), high[around] - window])
    change = np.concatenate([worth, -worth, worth[around], -worth[around]])
    order = np.argsort(edges, kind="stable")
    total = np.cumsum(change[order])
    place = int(total[:-1].argmax()) if len(total) > 1 else 0
    middle = (edges[order[place]] + edges[order[min(place + 1, len(order) - 1)]]) / 2
    return float(total[place]), float(middle % window)
