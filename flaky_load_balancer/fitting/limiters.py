"""Which limiter explains the refusals best, and how well.

An explanation is a kind with its parameters.  It says of every attempt whether it should have been
admitted, given the admissions before it.  What it gets wrong counts against it, and so does every
parameter (Schwarz's BIC).  Being wrong has rates of its own, integrated out with Jeffreys' prior:
two clocks differ by milliseconds, and limits may move.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaln

from flaky_load_balancer.fitting import gauges
from flaky_load_balancer.fitting.lanes import DAY, Lane, lanes_of
from flaky_load_balancer.fitting.log import Log
from flaky_load_balancer.fitting.search import Range, narrowed, slack
from flaky_load_balancer.types import Bools, Floats, Ints

WINDOWS: tuple[float, ...] = (  # seconds that people choose; all of them are parts of a day
    *(0.1, 0.2, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180),
    *(240, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400),
)
BURSTS: tuple[float, ...] = (  # tokens
    *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200),
)
PROMISING = 4  # bursts that are tried with care
PHASES = 40  # tried for each fixed window
COARSE = 120  # values of a rate or window that are tried first
FINE = 60  # between two of them
ONE = Range(1.0, 1.0, 1.0)
NEVER = Range(np.inf, np.inf, np.inf)

Needs = Callable[[Lane], Ints]


@dataclass(frozen=True)
class Explanation:
    """A kind of limiter with its parameters."""

    kind: str  # as in a scenario, or "none"
    limits: Sequence[Range]  # per server: admissions in a window, of a bucket in a second
    table: Ints  # (4,) see Lane.judged
    parameters: int
    window: Range = ONE  # seconds
    burst: Range = ONE  # tokens
    phase: float = 0.0  # seconds from the first attempt to the beginning of a window

    @property
    def attempts(self) -> int:
        return int(self.table.sum())

    @property
    def unexplained(self) -> int:
        """Attempts that it gets wrong."""
        return int(self.table[1] + self.table[2])

    @property
    def bic(self) -> float:
        right, missed, spared, refused = self.table
        evidence = _evidence(missed, right) + _evidence(spared, refused)
        return float(-2 * evidence + self.parameters * np.log(self.attempts))


def explanations(log: Log) -> list[Explanation]:
    """The best of each kind, the best one first; none where nothing was refused."""
    if not log.refused.any():
        return []
    lanes = lanes_of(log)
    found = [_chance(lanes), _bucket(lanes), _fixed(lanes, log), _sliding(lanes, log.span)]
    return sorted(found, key=lambda each: each.bic)


def _evidence(wrong: int, right: int) -> float:
    """Log likelihood of so many wrong ones among all, whatever the rate."""
    return float(betaln(wrong + 0.5, right + 0.5) - betaln(0.5, 0.5))


def _chance(lanes: Sequence[Lane]) -> Explanation:
    """Refusals come whenever they like."""
    table = sum(lane.judged(np.zeros(len(lane.t), bool)) for lane in lanes)
    return Explanation("none", [NEVER] * len(lanes), np.asarray(table), 0)


def _bucket(lanes: Sequence[Lane]) -> Explanation:
    """The burst is the same for all servers, the rate each one's own.

    All bursts are tried with coarse rates, the most promising ones with the best rates.
    """
    coarse = np.sum([_of_bursts(lane) for lane in lanes if lane.limited], axis=0)
    likely = np.argsort(coarse, kind="stable")[:PROMISING]
    tried = {BURSTS[place]: _with_burst(lanes, BURSTS[place]) for place in np.sort(likely)}
    best = min(tried.values(), key=lambda each: each.unexplained)
    most = best.unexplained + _spare(best.unexplained, lanes)
    fair = [burst for burst, each in tried.items() if each.unexplained <= most]
    return replace(best, burst=Range(best.burst.value, min(fair), max(fair)))


def _with_burst(lanes: Sequence[Lane], burst: float) -> Explanation:
    """With the rate of each server that gets the least wrong."""
    limits = [_rate(lane, burst) if lane.limited else NEVER for lane in lanes]
    refusing = [
        _refused_by(lane, np.array([limit.value]), burst)[:, 0]
        if lane.limited
        else np.zeros(len(lane.t), bool)
        for lane, limit in zip(lanes, limits, strict=True)
    ]
    return _explained(
        "token-bucket", lanes, limits, refusing, extra=1, burst=Range(burst, burst, burst)
    )


def _of_bursts(lane: Lane) -> Ints:
    """(BURSTS,) how many attempts each burst gets wrong, with a rate that suits it."""
    rates = _rates(lane)
    wrong = _of_pairs(lane, rates)
    middle = rates[int(wrong.min(axis=0).argmin())]
    finer = _of_pairs(lane, middle * np.geomspace(rates[0] / rates[1], rates[1] / rates[0], FINE))
    best: Ints = np.minimum(wrong.min(axis=1), finer.min(axis=1))
    return best


def _of_pairs(lane: Lane, rates: Floats) -> Ints:
    """(BURSTS, rates)"""
    rate, burst = (each.ravel() for each in np.meshgrid(rates, np.array(BURSTS)))
    wrong = lane.misjudged(gauges.bucket(lane.t, lane.took, rate, burst))
    return wrong.reshape(len(BURSTS), len(rates))


def _rate(lane: Lane, burst: float) -> Range:
    def cost(rates: Floats) -> Ints:
        return lane.misjudged(_refused_by(lane, rates, burst))

    tried = _rates(lane)
    return narrowed(cost, tried, slack(int(cost(tried).min()), len(lane.t)))


def _refused_by(lane: Lane, rates: Floats, burst: float) -> Bools:
    return gauges.bucket(lane.t, lane.took, rates, np.full(len(rates), burst))


def _rates(lane: Lane) -> Floats:
    """From far below what was admitted to what would have prevented every refusal."""
    span = max(float(lane.t[-1] - lane.t[0]), 1e-3)
    least = max(int(np.count_nonzero(lane.took)), 1) / span / 8
    gaps = np.diff(lane.t, prepend=-np.inf)[lane.refused]
    shortest = float(np.min(gaps, initial=DAY, where=gaps > 1e-4))
    return np.geomspace(least, max(2 / shortest, 64 * least), COARSE)


def _sliding(lanes: Sequence[Lane], span: float) -> Explanation:
    """The window is the same for all servers, the limit each one's own."""

    def needs(window: float) -> Needs:
        return lambda lane: gauges.sliding(lane.t, lane.took, window)

    def cost(windows: Floats) -> Ints:
        return np.array([_wrong(lanes, needs(window)) for window in windows.tolist()])

    usual = np.array(_usual(span))
    tried = np.union1d(usual, np.geomspace(usual[0], usual[-1], COARSE))
    window = narrowed(cost, tried, _spare(cost(tried).min(), lanes))
    best = usual[cost(usual) <= cost(np.array([window.value]))]
    window = window._replace(value=float(best[0])) if len(best) else window
    window = window._replace(high=np.inf) if window.high >= span else window
    return _windowed("sliding-window", lanes, needs(window.value), extra=1, window=window)


def _fixed(lanes: Sequence[Lane], log: Log) -> Explanation:
    """Window and phase are the same for all servers, the limit each one's own."""
    found: dict[tuple[float, float], int] = {}
    for window in _usual(log.span):
        for phase in _phases(lanes, window, log):
            found[window, phase] = _wrong(lanes, _fixed_needs(window, phase))
    window, phase = min(found, key=lambda each: found[each])
    spare = _spare(found[window, phase], lanes)
    fair = [each for (each, _), wrong in found.items() if wrong <= found[window, phase] + spare]
    return _windowed(
        "fixed-window",
        lanes,
        _fixed_needs(window, phase),
        extra=1 if phase == 0 else 2,
        window=Range(window, min(fair), np.inf if max(fair) >= log.span else max(fair)),
        phase=phase,
    )


def _usual(span: float) -> list[float]:
    """Windows up to the first that is longer than the log, which stands for all such."""
    return list(WINDOWS[: np.searchsorted(WINDOWS, span, side="right") + 1])


def _fixed_needs(window: float, phase: float) -> Needs:
    return lambda lane: gauges.fixed(lane.t, lane.took, window, phase)


def _phases(lanes: Sequence[Lane], window: float, log: Log) -> list[float]:
    """Windows begin with the first attempt, or with the clock's, or just before admissions that
    follow a refusal: the last is where a window can have begun.
    """
    after = [lane.t[1:][lane.took[1:] & lane.refused[:-1]] for lane in lanes if lane.limited]
    seen = np.unique(np.round(np.concatenate(after) % window, 4)) if after else np.zeros(0)
    some = seen[np.linspace(0, len(seen) - 1, min(PHASES, len(seen))).astype(int)]
    return [0.0, -log.start % window, *some.tolist()]


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
    return _explained(kind, lanes, limits, refusing, extra=extra, window=window, phase=phase)


def _explained(
    kind: str,
    lanes: Sequence[Lane],
    limits: Sequence[Range],
    refusing: Sequence[Bools],
    *,
    extra: int,
    window: Range = ONE,
    burst: Range = ONE,
    phase: float = 0.0,
) -> Explanation:
    table = sum(lane.judged(said) for lane, said in zip(lanes, refusing, strict=True))
    parameters = extra + sum(lane.limited for lane in lanes)
    return Explanation(kind, limits, np.asarray(table), parameters, window, burst, phase)


def _wrong(lanes: Sequence[Lane], needs: Needs) -> int:
    """Attempts that the best limits get wrong."""
    return int(sum(lane.wrong(needs(lane)).min() for lane in lanes if lane.limited))


def _spare(wrong: float, lanes: Sequence[Lane]) -> int:
    return slack(int(wrong), sum(len(lane.t) for lane in lanes))
