"""The windows, fixed and sliding, that explain refusals best."""

from collections.abc import Callable, Sequence

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fitting import gauges
from flaky_load_balancer.simulation.fitting.explanation import Explanation, explained, spare
from flaky_load_balancer.simulation.fitting.lanes import Lane
from flaky_load_balancer.simulation.fitting.search import Range, narrowed, slack

WINDOWS: tuple[float, ...] = (  # seconds that people choose; all of them are parts of a day
    *(0.1, 0.2, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180),
    *(240, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400),
)
PHASES = 40  # tried for each fixed window
COARSE = 120  # windows that are tried first

Needs = Callable[[Lane], Ints]


def sliding_window(lanes: Sequence[Lane], span: float) -> Explanation:
    """The window is the same for all servers, the limit each one's own."""

    def needs(window: float) -> Needs:
        return lambda lane: gauges.sliding(lane.t, lane.took, window)

    def cost(windows: Floats) -> Ints:
        return np.array([_wrong(lanes, needs(window)) for window in windows.tolist()])

    usual = np.array(_usual(span))
    tried = np.union1d(usual, np.geomspace(usual[0], usual[-1], COARSE))
    window = narrowed(cost, tried, spare(cost(tried).min(), lanes))
    best = usual[cost(usual) <= cost(np.array([window.value]))]
    window = window._replace(value=float(best[0])) if len(best) else window
    window = window._replace(high=np.inf) if window.high >= span else window
    return _windowed("sliding-window", lanes, needs(window.value), extra=1, window=window)


def fixed_window(lanes: Sequence[Lane], span: float, start: float) -> Explanation:
    """Window and phase are the same for all servers, the limit each one's own."""
    found: dict[tuple[float, float], int] = {}
    for window in _usual(span):
        for phase in _phases(lanes, window, start):
            found[window, phase] = _wrong(lanes, _fixed_needs(window, phase))
    window, phase = min(found, key=lambda each: found[each])
    more = spare(found[window, phase], lanes)
    fair = [each for (each, _), wrong in found.items() if wrong <= found[window, phase] + more]
    return _windowed(
        "fixed-window",
        lanes,
        _fixed_needs(window, phase),
        extra=1 if phase == 0 else 2,
        window=Range(window, min(fair), np.inf if max(fair) >= span else max(fair)),
        phase=phase,
    )


def _usual(span: float) -> list[float]:
    """Windows up to the first that is longer than the log, which stands for all such."""
    return list(WINDOWS[: np.searchsorted(WINDOWS, span, side="right") + 1])


def _fixed_needs(window: float, phase: float) -> Needs:
    return lambda lane: gauges.fixed(lane.t, lane.took, window, phase)


def _phases(lanes: Sequence[Lane], window: float, start: float) -> list[float]:
    """Windows begin with the first attempt, or with the clock's, or just before admissions that
    follow a refusal: the last is where a window can have begun.
    """
    after = [lane.t[1:][lane.took[1:] & lane.refused[:-1]] for lane in lanes if lane.limited]
    seen = np.unique(np.floor(np.concatenate(after) % window * 1e4)) / 1e4 if after else np.zeros(0)
    some = seen[np.linspace(0, len(seen) - 1, min(PHASES, len(seen))).astype(int)]
    return [0.0, -start % window, *some.tolist()]


def _windowed(
    kind: str, lanes: Sequence[Lane], needs: Needs, *, extra: int, window: Range, phase: float = 0.0
) -> Explanation:
    """With the limit of each server that gets the least wrong."""
    limits, refusing = [], []
    for lane in lanes:
        need = needs(lane)
        wrong = lane.wrong(need)
        fair = np.flatnonzero(wrong <= wrong.min() + slack(int(wrong.min()), len(lane.t))) + 1
        limit = Range(float(wrong.argmin() + 1), float(fair[0]), float(fair[-1]))
        limits.append(limit if lane.limited else Range(np.inf, float(need.max()), np.inf))
        refusing.append(lane.limited & (need > limit.value))
    return explained(kind, lanes, limits, refusing, extra=extra, window=window, phase=phase)


def _wrong(lanes: Sequence[Lane], needs: Needs) -> int:
    """Attempts that the best limits get wrong."""
    return int(sum(lane.wrong(needs(lane)).min() for lane in lanes if lane.limited))
