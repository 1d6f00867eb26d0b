"""Rate limiters: whether a server admits an attempt, for the servers of all replications at once.

Lanes are servers, flattened: lane = row x K + arm.  Limits are admissions per window, (lanes,);
times are seconds since t = 0, never falling for a lane.  An attempt counts 1 where a limit is in
requests, and the size of its request where it is in tokens: then read "tokens" for "admissions".
"""

from typing import Protocol

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets.motions import Motion

SLACK = 1e-9  # tokens: one that is due now must not be missing for a rounded last digit


Size = Floats | float  # of n attempts, or of each


class Limiter(Protocol):
    """Arguments and answers have shape (n,), with n distinct lanes where something is admitted."""

    def admit(self, lane: Ints, t: Floats, size: Size = 1.0) -> Bools:
        """Whether each attempt is admitted; one that is, is counted."""

    def wait(self, lane: Ints, t: Floats, size: Size = 1.0) -> Floats:
        """Seconds until an admission could succeed, as far as the limit of now can tell."""

    def remaining(self, lane: Ints, t: Floats) -> Floats:
        """How much could be admitted now (what is in a bucket need not be whole)."""

    def rate(self, lane: Ints, t: Floats) -> Floats:
        """Admissions per second that the limit of now gives."""

    def admissions(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        """The most attempts that can be admitted between two times."""

    def keeps(self, lane: Ints) -> Floats:
        """For how many seconds, at most, an admission that is not used now can be used later."""


class TokenBucket:
    """Every admission takes a token; tokens come at limit / window and at most ``burst`` stay.

    Where attempts have a size they take so many; one larger than ``burst`` is never admitted.
    """

    def __init__(self, limit: Floats, window: float, motion: Motion, burst: Floats | float) -> None:
        """``burst`` (lanes,), or one for all."""
        self.base = limit / window
        self.burst = np.broadcast_to(np.asarray(burst, dtype=float), limit.shape)
        self.motion = motion
        self._level = self.burst.copy()
        # All tokens that ever came, at the lane's last attempt.  A rate is never negative, so
        # cutting at the burst once, at the end, is the same as all the time.
        self._grown = self._total(np.arange(len(limit)), np.zeros(len(limit)))

    def admit(self, lane: Ints, t: Floats, size: Size = 1.0) -> Bools:
        grown = self._total(lane, t)
        level = self._refilled(lane, grown)
        admitted: Bools = level >= size - SLACK
        self._level[lane] = level - admitted * size
        self._grown[lane] = grown
        return admitted

    def wait(self, lane: Ints, t: Floats, size: Size = 1.0) -> Floats:
        missing = np.maximum(size - self.remaining(lane, t), 0.0)
        rate = np.maximum(self.rate(lane, t), 1e-300)
        wait: Floats = np.where(size > self.burst[lane] + SLACK, np.inf, missing / rate)
        return wait

    def remaining(self, lane: Ints, t: Floats) -> Floats:
        return np.maximum(self._refilled(lane, self._total(lane, t)), 0.0)

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return self.base[lane] * self.motion.factor(lane, t)

    def admissions(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return self.burst[lane] + self._total(lane, end) - self._total(lane, start)

    def keeps(self, lane: Ints) -> Floats:
        seconds: Floats = self.burst[lane] / np.maximum(self.base[lane], 1e-300)
        return seconds

    def _total(self, lane: Ints, t: Floats) -> Floats:
        return self.base[lane] * self.motion.area(lane, t)

    def _refilled(self, lane: Ints, grown: Floats) -> Floats:
        level = self._level[lane] + (grown - self._grown[lane])
        full: Floats = np.minimum(level, self.burst[lane])
        return full


class FixedWindow:
    """So many admissions in each window from t = 0 on; the limit is that of the window's start."""

    def __init__(self, limit: Floats, window: float, motion: Motion) -> None:
        self.limit = limit
        self.window = window
        self.motion = motion
        self._number = np.full(len(limit), -1.0)  # of the window of the lane's last attempt
        self._used = np.zeros(len(limit))

    def admit(self, lane: Ints, t: Floats, size: Size = 1.0) -> Bools:
        number = np.floor(t / self.window)
        used = self._used[lane] * (number == self._number[lane])
        admitted: Bools = used + size <= self._whole(lane, number)
        self._used[lane] = used + admitted * size
        self._number[lane] = number
        return admitted

    def wait(self, lane: Ints, t: Floats, size: Size = 1.0) -> Floats:  # noqa: ARG002
        wait: Floats = (np.floor(t / self.window) + 1) * self.window - t
        return wait

    def remaining(self, lane: Ints, t: Floats) -> Floats:
        number = np.floor(t / self.window)
        used = self._used[lane] * (number == self._number[lane])
        left: Floats = np.maximum(self._whole(lane, number) - used, 0.0)
        return left

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return self._whole(lane, np.floor(t / self.window)) / self.window

    def admissions(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        first, last = np.floor(start / self.window), np.floor(end / self.window)
        total = np.zeros(len(lane))
        for step in range(int((last - first).max(initial=-1)) + 1):
            number = first + step
            total += self._whole(lane, number) * (number <= last)
        return total

    def keeps(self, lane: Ints) -> Floats:
        return np.full(len(lane), self.window)

    def _whole(self, lane: Ints, number: Floats) -> Floats:
        return whole(self.limit[lane] * self.motion.factor(lane, number * self.window))


class Sliding:
    """What limits of the last ``window`` seconds, t - window excluded, have in common."""

    def __init__(self, limit: Floats, window: float, motion: Motion) -> None:
        self.limit = limit
        self.window = window
        self.motion = motion

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return self._whole(lane, t) / self.window

    def admissions(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        """Cut into stretches no longer than a window: each holds at most the peak of its limit."""
        stretches = np.floor((end - start) / self.window) + 1
        total = np.zeros(len(lane))
        for step in range(int(stretches.max(initial=0))):
            since = np.minimum(start + step * self.window, end)
            until = np.minimum(since + self.window, end)
            peak = self.limit[lane] * self.motion.peak(lane, since, until)
            total += whole(peak) * (step < stretches)
        return total

    def keeps(self, lane: Ints) -> Floats:
        return np.full(len(lane), self.window)

    def _whole(self, lane: Ints, t: Floats) -> Ints:
        return whole(self.limit[lane] * self.motion.factor(lane, t)).astype(np.intp)


class SlidingWindow(Sliding):
    """So many admissions in the last ``window`` seconds, each counted as 1."""

    def __init__(self, limit: Floats, window: float, motion: Motion, most: float) -> None:
        """``most`` is the largest factor that the motion can have."""
        super().__init__(limit, window, motion)
        self._largest = int(whole(limit * most).max(initial=0)) + 1
        self._size = min(self._largest, 64)
        self._times = np.full((len(limit), self._size), -np.inf)  # a ring for each lane
        self._admitted = np.zeros(len(limit), dtype=np.intp)
        self._room = self._size  # calls until some ring could be full

    def admit(self, lane: Ints, t: Floats, size: Size = 1.0) -> Bools:  # noqa: ARG002
        if self._room == 0:
            self._make_room()
        self._room -= 1
        limit = self._whole(lane, t)
        count = self._admitted[lane]
        admitted: Bools = (self._expired(lane, count, limit) <= t) & (limit > 0)
        place = count % self._size
        self._times[lane, place] = np.where(admitted, t, self._times[lane, place])
        self._admitted[lane] = count + admitted
        return admitted

    def _expired(self, lane: Ints, count: Ints, limit: Ints) -> Floats:
        """When fewer than ``limit`` are left: the one so many admissions ago leaves the window."""
        times = self._times[lane, (count - limit) % self._size]
        expired: Floats = np.where(count >= limit, times + self.window, -np.inf)
        return expired

    def _make_room(self) -> None:
        """Rings start small and grow, until they hold a whole window, before they first wrap."""
        most = int(self._admitted.max())
        if self._size == self._largest:
            most = 0
        elif 2 * most >= self._size:
            grown = min(2 * self._size, self._largest)
            self._times = np.pad(
                self._times, ((0, 0), (0, grown - self._size)), constant_values=-np.inf
            )
            self._size = grown
        self._room = self._size - most

    def wait(self, lane: Ints, t: Floats, size: Size = 1.0) -> Floats:  # noqa: ARG002
        limit = np.maximum(self._whole(lane, t), 1)
        wait: Floats = np.maximum(self._expired(lane, self._admitted[lane], limit) - t, 0.0)
        return wait

    def remaining(self, lane: Ints, t: Floats) -> Floats:
        recent = self._times[lane] + self.window > t[:, None]
        left: Floats = np.maximum(self._whole(lane, t) - recent.sum(axis=1), 0.0)
        return left


class SlidingTokens(Sliding):
    """So many tokens in the last ``window`` seconds."""

    def __init__(self, limit: Floats, window: float, motion: Motion) -> None:
        super().__init__(limit, window, motion)
        self._times = np.full((len(limit), 8), -np.inf)  # of admissions, in no order
        self._sizes = np.zeros((len(limit), 8))

    def admit(self, lane: Ints, t: Floats, size: Size = 1.0) -> Bools:
        admitted: Bools = self.remaining(lane, t) >= size
        oldest = self._times[lane].argmin(axis=1)
        while np.count_nonzero(self._times[lane, oldest] + self.window > t):
            oldest = np.full(len(lane), self._times.shape[1])
            self._times = np.pad(self._times, ((0, 0), (0, oldest[0])), constant_values=-np.inf)
            self._sizes = np.pad(self._sizes, ((0, 0), (0, oldest[0])))
        self._times[lane, oldest] = np.where(admitted, t, self._times[lane, oldest])
        self._sizes[lane, oldest] = np.where(admitted, size, self._sizes[lane, oldest])
        return admitted

    def wait(self, lane: Ints, t: Floats, size: Size = 1.0) -> Floats:
        """Until enough of the earliest admissions have left the window."""
        order = self._times[lane].argsort(axis=1)
        times = np.take_along_axis(self._times[lane], order, 1)
        sizes = np.take_along_axis(self._sizes[lane], order, 1) * (times + self.window > t[:, None])
        missing = size - self.remaining(lane, t)
        enough = sizes.cumsum(axis=1) >= missing[:, None]
        leaves = times[np.arange(len(lane)), enough.argmax(axis=1)] + self.window - t
        return np.where(missing <= 0, 0.0, np.where(enough.any(axis=1), leaves, np.inf))

    def remaining(self, lane: Ints, t: Floats) -> Floats:
        recent = self._times[lane] + self.window > t[:, None]
        used = (self._sizes[lane] * recent).sum(axis=1)
        left: Floats = np.maximum(self._whole(lane, t) - used, 0.0)
        return left


def whole(limit: Floats) -> Floats:
    """A limit of a window, rounded to admissions."""
    return np.floor(limit + 0.5)
