"""A single answer, as live: what ``learning`` does with n of them, to the last bit.

Numbers are quicker than arrays of one; only what is rare, or looks at many limiters, is left to
those.  Limits in tokens are not learnt here.
"""

from math import inf
from typing import NamedTuple

from strategies.capacity.calibration import (
    CERTAIN,
    FADE,
    FORGET,
    LONGEST_REST,
    MOST_WIDER,
    PRIOR_SECONDS,
    PRIOR_SURPRISES,
    PRIOR_TRUE,
    SURPRISE,
    Calibration,
)
from strategies.capacity.intervals import LEAST, MARGIN, MOST, Intervals
from strategies.capacity.limiters import LIMITERS
from strategies.capacity.pauses import Pauses

Between = tuple[float, float]
_MARGIN = float(MARGIN)


class Answer(NamedTuple):
    """How an attempt ended."""

    row: int
    lane: int
    sent: float  # seconds
    refused: bool


def wider(calibration: Calibration, answer: Answer) -> tuple[float, float]:
    """By how much time has widened intervals, and the seconds since the last answer."""
    rest = max(answer.sent - calibration.heard_at.item(answer.lane), 0.0)
    surprises = calibration.surprises.item(answer.row) + PRIOR_SURPRISES
    exposure = calibration.exposure.item(answer.row) + PRIOR_SECONDS
    return min(calibration.drift * surprises / exposure * rest, MOST_WIDER), rest


def calibrate(
    calibration: Calibration, answer: Answer, p: float, rest: float, *, limited: bool
) -> None:
    """An admission that had the chance ``p`` was refused or not."""
    row, lane, _, refused = answer
    happened = 1.0 - p if refused else p
    surprises, exposure = calibration.surprises, calibration.exposure
    surprises[row] = FADE * surprises.item(row) + (happened < SURPRISE)
    exposure[row] = FADE * exposure.item(row) + min(rest, LONGEST_REST)
    if limited and p > CERTAIN:
        held, tested = calibration.held, calibration.tested
        held[lane] = (1 - FORGET) * held.item(lane) + FORGET * PRIOR_TRUE + (not refused)
        tested[lane] = (1 - FORGET) * tested.item(lane) + FORGET * PRIOR_TRUE + 1.0


def pause(pauses: Pauses, answer: Answer) -> None:
    """See ``Pauses.learn``."""
    lane = answer.lane
    if not answer.refused:
        pauses.refused_at[lane], pauses.in_a_row[lane] = -inf, 0
        return
    pauses.refused_at[lane] = max(pauses.refused_at.item(lane), answer.sent)
    pauses.in_a_row[lane] += pauses.expected.item(lane)


def widened(intervals: Intervals, lane: int, limiter: int, by: float) -> Between:
    """The interval of one limiter after time widened both ends."""
    at = lane * LIMITERS + limiter
    low = max(intervals.low.item(at) - by, LEAST.item(limiter))
    return low, min(intervals.high.item(at) + by, MOST.item(limiter))


def chance(between: Between, need: float) -> float:
    """How likely a limit, evenly between two ends, is no less than what an attempt needs."""
    low, high = between
    width = high - low if low < high else inf
    return min(max((high - need) / width, 0.0), 1.0)


def narrow(
    intervals: Intervals, at: tuple[int, int], between: Between, need: float, *, refused: bool
) -> None:
    """Keep what an answer leaves of a widened interval; ``at`` are lane and limiter."""
    low, high = between
    if refused:
        high = min(high, need)
        low = min(low, high - _MARGIN)
    else:
        high, low = max(high, need + _MARGIN), max(low, need)
    intervals.low[at], intervals.high[at] = low, max(high, low + _MARGIN)
