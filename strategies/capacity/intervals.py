"""Between which two numbers each server's limit lies, under each limiter.

The logarithm of a limit lies between ``low`` and ``high``, evenly.  An attempt that needed a limit
and was admitted raises ``low``, one that was refused lowers ``high``; time widens both.  Answers
that an interval excludes move it.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity.limiters import FIRST_SLIDING, LIMITERS, PERIOD

LOWEST, HIGHEST = 0.02, 500.0  # admissions per second: no limit is taken to be beyond these
MARGIN = np.log(1.25)  # the least width of an interval: x 0.5 and x 2 in decision 17
LEAST = np.log(
    np.where(np.arange(LIMITERS) < FIRST_SLIDING, LOWEST, np.maximum(LOWEST * PERIOD, 0.75))
)  # of a window, nearly one admission
MOST = np.log(HIGHEST * PERIOD + 1.0)

_LEAST, _MOST = LEAST.astype(np.float32), MOST.astype(np.float32)


class Intervals:
    """``low`` and ``high`` (lanes, LIMITERS): logarithms of admissions per ``PERIOD``.

    At first they are those of limits from ``slowest`` to ``fastest``, in admissions per second.
    """

    def __init__(self, lanes: int, slowest: float = LOWEST, fastest: float = HIGHEST) -> None:
        low = np.maximum(LEAST, np.log(slowest * PERIOD)).astype(np.float32)
        high = np.minimum(MOST, np.log(fastest * PERIOD + 1.0)).astype(np.float32)
        self.low = np.tile(low, (lanes, 1))  # in rows: taken by flat index
        self.high = np.tile(np.maximum(high, low + np.float32(MARGIN)), (lanes, 1))

    def widened(self, lane: Ints, wider: Floats) -> tuple[Floats, Floats]:
        """(n, LIMITERS) each: intervals after time widened both ends by ``wider`` (n,)."""
        by = wider[:, None].astype(np.float32)
        low = np.maximum(self.low.take(lane, 0) - by, _LEAST)
        high = np.minimum(self.high.take(lane, 0) + by, _MOST)
        return low, high

    def narrow(
        self, lane: Ints, between: tuple[Floats, Floats], need: Floats, sure: Bools, refused: Bools
    ) -> None:
        """Keep what answers leave of widened intervals, where a limiter is sure of its need."""
        low, high = between
        narrower = _narrower(low, high, need, refused[:, None])
        self.low[lane] = np.where(sure, narrower[0], low)
        self.high[lane] = np.where(sure, narrower[1], high)

    def widened_one(self, lane: Ints, limiter: Ints, wider: Floats) -> tuple[Floats, Floats]:
        """(n,) each: the same of one limiter each."""
        at = lane * LIMITERS + limiter
        low = np.maximum(self.low.take(at) - wider, LEAST.take(limiter))
        high = np.minimum(self.high.take(at) + wider, MOST.take(limiter))
        return low, high

    def narrow_one(
        self, at: tuple[Ints, Ints], between: tuple[Floats, Floats], need: Floats, refused: Bools
    ) -> None:
        """The same of one limiter each; ``at`` are lanes and limiters."""
        place = at[0] * LIMITERS + at[1]
        low, high = _narrower(*between, need, refused)
        self.low.put(place, low)
        self.high.put(place, high)

    def limit(self, lane: Ints, limiter: Ints, chance: Floats) -> Floats:
        """(n, Q) limits that the true one reaches with 1 minus these chances."""
        at = lane * LIMITERS + limiter
        low, high = self.low.take(at)[:, None], self.high.take(at)[:, None]
        limit: Floats = np.exp(high - chance * (high - low))
        return limit

    def rate(self, lane: Ints, limiter: Ints) -> Floats:
        """Admissions per second in the middle of intervals; of the shape of both together."""
        middle = 0.5 * (self.low[lane, limiter] + self.high[lane, limiter])
        rate: Floats = np.exp(middle) / PERIOD[limiter]
        return rate

    def rates(self, lane: Ints, limiter: Ints) -> tuple[Floats, Floats]:
        """The same, from where to where with 95 %."""
        low, high = self.low[lane, limiter], self.high[lane, limiter]
        cut = 0.025 * (high - low)
        return np.exp(low + cut) / PERIOD[limiter], np.exp(high - cut) / PERIOD[limiter]


def chance(between: tuple[Floats, Floats], need: Floats) -> Floats:
    """How likely a limit, evenly between two ends, is no less than what an attempt needs.

    Where a limit would have to be higher than any is, nothing is likely: the limiter is wrong.
    """
    low, high = between
    width = np.where(low < high, high - low, np.inf)
    p: Floats = np.minimum(np.maximum((high - need) / width, 0.0), 1.0)
    return p


def _narrower(low: Floats, high: Floats, need: Floats, refused: Bools) -> tuple[Floats, Floats]:
    """Intervals after attempts that needed so much were refused, or admitted."""
    top = np.where(refused, np.minimum(high, need), np.maximum(high, need + MARGIN))
    bottom = np.where(refused, np.minimum(low, top - MARGIN), np.maximum(low, need))
    return bottom, np.maximum(top, bottom + MARGIN)
