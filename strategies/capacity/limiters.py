"""The limiters that servers may have, and what each of them makes of the same admissions.

A limiter is a hypothesis: a token bucket of some burst, a sliding window of some length, or fixed
windows of some length (``boundaries``).  How large a server's limit is under it is not part of it
(``intervals``).  The lengths of sliding windows are round, as people choose them, and every other
length is near one of these; those of fixed windows are found exactly.
"""

# ruff: noqa: ARG002 (only fixed windows use when a server refused)

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity.admissions import DEPTH, RANKS, Admissions, count_true
from strategies.capacity.boundaries import Boundaries

BURSTS = np.array([1, 2, 3, 5, 8, 12, 20, 32])  # admissions that a full bucket holds
_SHORT = "0.05 0.06 0.08 0.1 0.125 0.15 0.2 0.25 0.3 0.4 0.5 0.6 0.8 1 1.25 1.5 2 2.5 3 4 5 6 8 10"
_LONG = "12 15 20 25 30 40 50 60 75 90"
# Seconds, 0.3 % too long rather than too short.  Round lengths instead of quarter octaves: 375 of
# 399 points instead of 361 with windows of 2 s, 1,989 instead of 1,890 with 50 ms (decision 13).
SLIDING = 1.003 * np.array(f"{_SHORT} {_LONG}".split(), dtype=float)
FIXED = 0.05 * 2.0 ** (np.arange(34) / 3)  # seconds: the middles of cells that brackets narrow
STEPS = np.array([0, 1, 2, 3, 5, 8, 12, 20, 32])  # admissions beyond the burst that are looked at
FIRST_SLIDING, FIRST_FIXED = len(BURSTS), len(BURSTS) + len(SLIDING)
LIMITERS = FIRST_FIXED + len(FIXED)
PERIOD = np.concatenate([np.ones(len(BURSTS)), SLIDING, FIXED])  # seconds that a limit is for

_BUCKETS = np.minimum(BURSTS[:, None] + STEPS, DEPTH - 1).ravel()
_KIND = np.repeat(np.arange(3, dtype=np.uint8), (len(BURSTS), len(SLIDING), len(FIXED)))
_TOKENS = np.log(STEPS + 1.0)
_LOG = np.log(np.maximum(np.arange(DEPTH + 2), 0.5))
_ROUNDING = 1e-6  # seconds: the times of one moment differ by less
_WHOLE = 1e-3  # of an admission: limits of windows are whole numbers


class Limiters:
    """What every limiter makes of the admissions of R x K servers; lane = row x K + arm."""

    def __init__(self, replications: int, arms: int, admissions: Admissions) -> None:
        self.arms, self.admissions = arms, admissions
        self.boundaries = Boundaries(replications, FIXED)

    def needed_by_each(self, lane: Ints, rank: Ints, sent: Floats) -> tuple[Floats, Bools]:
        """(n, LIMITERS) the logarithm of the least limit that admits attempts, and if it is sure.

        The attempts are the entries of these ranks, and were sent at ``sent``.  By duality, a
        bucket that is filled at a limit r admits one where (j + 1 - burst) / r <= age for the age
        of each j-th admission before it; a window where it holds fewer than the limit.
        """
        age = (sent[:, None] - self.admissions.times.take(lane, 0)).astype(np.float32)
        if np.count_nonzero(rank):
            place = np.minimum(rank[:, None] + RANKS, DEPTH - 1)
            age = np.take_along_axis(age, place, 1)
        age[:, 0] = np.inf  # the attempt itself
        need: Floats = np.empty((len(lane), LIMITERS), dtype=np.float32)
        apart = np.log(np.clip(age, 1e-5, 1e6)).take(_BUCKETS, 1)
        rates = _TOKENS.astype(np.float32) - apart.reshape(-1, len(BURSTS), len(STEPS))
        rates.max(axis=2, out=need[:, :FIRST_SLIDING])
        since, sure = self.boundaries.age(lane // self.arms, sent)
        span = np.empty((LIMITERS - FIRST_SLIDING, len(lane)), dtype=np.float32)
        span[: len(SLIDING)], span[len(SLIDING) :] = SLIDING[:, None], since.T + _ROUNDING
        # The long axis last, and counted along the first one: three times as quick.
        inside = np.ascontiguousarray(age.T)[:, None, :] < span
        need[:, FIRST_SLIDING:] = _LOG.take(count_true(inside, axis=0).T + 1)
        surely = np.ones(need.shape, dtype=bool)
        surely[:, FIRST_FIXED:] = sure
        return need, surely

    def needed(self, lane: Ints, limiter: Ints, rank: Ints, sent: Floats) -> Floats:
        """(n,) the same logarithm, of one limiter each."""
        need = np.empty(len(lane))
        for kind, some in _kinds(limiter):
            at = lane.take(some), limiter.take(some), rank.take(some), sent.take(some)
            need[some] = self._bucket_needs(*at) if kind == 0 else self._window_needs(*at, kind)
        return need

    def ready(
        self, lane: Ints, limiter: Ints, first: Ints, limit: Floats, refused_at: Floats
    ) -> Floats:
        """(n, Q) when a limit (n, Q) admits an attempt that comes after the entries from ``first``.

        ``refused_at`` (n,) is when the server refused, if it admitted nothing since, else -inf.
        """
        ready = np.empty(limit.shape)
        for kind, some in _kinds(limiter):
            if some.size == len(lane):
                return _READY[kind](self, lane, limiter, first, limit, refused_at)
            at = lane.take(some), limiter.take(some), first.take(some)
            ready[some] = _READY[kind](self, *at, limit.take(some, 0), refused_at.take(some))
        return ready

    def _bucket_needs(self, lane: Ints, limiter: Ints, rank: Ints, sent: Floats) -> Floats:
        at = np.minimum((rank + BURSTS.take(limiter))[:, None] + STEPS, DEPTH - 1)
        age = sent[:, None] - self.admissions.at(lane[:, None], at)
        need: Floats = (_TOKENS - np.log(np.clip(age, 1e-5, 1e6))).max(axis=1)
        return need

    def _window_needs(
        self, lane: Ints, limiter: Ints, rank: Ints, sent: Floats, kind: int
    ) -> Floats:
        if kind == 1:
            start = sent - PERIOD.take(limiter)
        else:
            cell = limiter - FIRST_FIXED
            start = self.boundaries.next(lane // self.arms, cell, sent)[0] - _ROUNDING
        inside = self.admissions.times.take(lane, 0) > start[:, None]
        used = count_true(inside) - rank - 1
        need: Floats = _LOG.take(np.maximum(used, 0) + 1)
        return need

    def _bucket_ready(
        self, lane: Ints, limiter: Ints, first: Ints, limit: Floats, refused_at: Floats
    ) -> Floats:
        at = np.minimum((first + BURSTS.take(limiter) - 1)[:, None] + STEPS, DEPTH - 1)
        times = self.admissions.at(lane[:, None], at)
        full: Floats = times.T[:, :, None] + (STEPS + 1.0)[:, None, None] / limit
        ready: Floats = full.max(axis=0)
        return ready

    def _sliding_ready(
        self, lane: Ints, limiter: Ints, first: Ints, limit: Floats, refused_at: Floats
    ) -> Floats:
        count = np.maximum(limit + _WHOLE, 1.0).astype(np.intp)
        at = np.minimum(first[:, None] + count - 1, DEPTH - 1)
        ready: Floats = self.admissions.at(lane[:, None], at) + PERIOD.take(limiter)[:, None]
        return ready

    def _fixed_ready(
        self, lane: Ints, limiter: Ints, first: Ints, limit: Floats, refused_at: Floats
    ) -> Floats:
        times = self.admissions.times.take(lane, 0)
        newest = np.maximum(times[np.arange(len(lane)), np.minimum(first, DEPTH - 1)], refused_at)
        cell = limiter - FIRST_FIXED
        start, early, late = self.boundaries.next(lane // self.arms, cell, newest)
        used = count_true(times >= start[:, None] - _ROUNDING) - first
        room = used[:, None] < np.maximum(np.floor(limit + _WHOLE), 1.0)
        room &= (refused_at < start)[:, None]
        share = np.arange(limit.shape[1]) / (limit.shape[1] - 1)
        return np.where(room, -np.inf, early[:, None] + share * (late - early)[:, None])


_READY = Limiters._bucket_ready, Limiters._sliding_ready, Limiters._fixed_ready


def _kinds(limiter: Ints) -> list[tuple[int, Ints]]:
    """Which of n limiters are buckets (0), sliding (1) and fixed (2) windows."""
    kind = _KIND.take(limiter)
    kinds = ((number, (kind == number).nonzero()[0]) for number in range(3))
    return [(number, some) for number, some in kinds if some.size]
