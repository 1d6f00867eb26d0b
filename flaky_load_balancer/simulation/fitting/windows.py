"""The windows, fixed and sliding, that explain refusals best."""

from collections.abc import Callable, Sequence

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fitting import replay
from flaky_load_balancer.simulation.fitting.boundaries import hinted
from flaky_load_balancer.simulation.fitting.explanation import Explanation, explained, spare
from flaky_load_balancer.simulation.fitting.received import Received
from flaky_load_balancer.simulation.fitting.search import Range, narrowed, slack

WINDOWS: tuple[float, ...] = (  # seconds that people choose; all of them are parts of a day
    *(0.1, 0.2, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180),
    *(240, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400),
)
UNUSUAL = 3  # attempts: how much better a window must be that nobody would choose
PHASES = 40  # tried for each fixed window
COARSE = 120  # windows that are tried first

Needs = Callable[[Received], Ints]


def sliding_window(servers: Sequence[Received], span: float, tick: float) -> Explanation:
    """The window is the same for all servers, the limit each one's own.

    None is shorter than a ``tick``, the seconds that the log's clock counts in.
    """

    def needs(window: float) -> Needs:
        return lambda server: replay.sliding(server.t, server.took, window)

    def cost(windows: Floats) -> Ints:
        return np.array([_wrong(servers, needs(window)) for window in windows.tolist()])

    usual = np.array(_usual(span, tick))
    tried = np.union1d(usual, np.geomspace(usual[0], usual[-1], COARSE))
    window = narrowed(cost, tried, spare(cost(tried).min(), servers))
    best = usual[cost(usual) <= cost(np.array([window.value]))]
    window = window._replace(value=float(best[0])) if len(best) else window
    window = window._replace(high=np.inf) if window.high >= span else window
    return _windowed("sliding-window", servers, needs(window.value), extra=1, window=window)


def fixed_window(
    servers: Sequence[Received], span: float, start: float, tick: float
) -> Explanation:
    """Window and phase are the same for all servers, the limit each one's own.

    Windows that people choose are tried, and those that refusals and admissions hint at.
    """
    found: dict[tuple[float, float], int] = {}
    for window in _usual(span, tick):
        for phase in _phases(servers, window, start):
            found[window, phase] = _wrong(servers, _fixed_needs(window, phase))
    for hint, likely in hinted(servers, span, tick):
        for window in {hint, float(f"{hint:.2g}"), float(f"{hint:.3g}")} - set(WINDOWS):
            for phase in [likely, *_phases(servers, window, start)]:
                found[window, phase] = _wrong(servers, _fixed_needs(window, phase)) + UNUSUAL
    window, phase = min(found, key=lambda each: found[each])
    unusual = window not in WINDOWS
    more = spare(found[window, phase], servers)
    fair = [each for (each, _), wrong in found.items() if wrong <= found[window, phase] + more]
    return _windowed(
        "fixed-window",
        servers,
        _fixed_needs(window, phase),
        extra=1 + (phase != 0) + unusual,
        window=Range(window, min(fair), np.inf if max(fair) >= span else max(fair)),
        phase=phase,
    )


def _usual(span: float, tick: float) -> list[float]:
    """Windows up to the first that is longer than the log, which stands for all such."""
    some = WINDOWS[: np.searchsorted(WINDOWS, span, side="right") + 1]
    return [window for window in some if window >= tick] or [some[-1]]


def _fixed_needs(window: float, phase: float) -> Needs:
    return lambda server: replay.fixed(server.t, server.took, window, phase)


def _phases(servers: Sequence[Received], window: float, start: float) -> list[float]:
    """Windows begin with the first attempt, or with the clock's, or just before admissions that
    follow a refusal: the last is where a window can have begun.
    """
    after = [
        server.t[1:][server.took[1:] & server.refused[:-1]] for server in servers if server.limited
    ]
    seen = np.unique(np.floor(np.concatenate(after) % window * 1e4)) / 1e4 if after else np.zeros(0)
    some = seen[np.linspace(0, len(seen) - 1, min(PHASES, len(seen))).astype(int)]
    return [0.0, -start % window, *some.tolist()]


def _windowed(
    kind: str,
    servers: Sequence[Received],
    needs: Needs,
    *,
    extra: int,
    window: Range,
    phase: float = 0.0,
) -> Explanation:
    """With the limit of each server that gets the least wrong."""
    limits, refusing = [], []
    for server in servers:
        need = needs(server)
        wrong = server.wrong(need)
        fair = np.flatnonzero(wrong <= wrong.min() + slack(int(wrong.min()), len(server.t))) + 1
        limit = Range(float(wrong.argmin() + 1), float(fair[0]), float(fair[-1]))
        limits.append(limit if server.limited else Range(np.inf, float(need.max()), np.inf))
        refusing.append(server.limited & (need > limit.value))
    return explained(kind, servers, limits, refusing, extra=extra, window=window, phase=phase)


def _wrong(servers: Sequence[Received], needs: Needs) -> int:
    """Attempts that the best limits get wrong."""
    return int(sum(server.wrong(needs(server)).min() for server in servers if server.limited))
