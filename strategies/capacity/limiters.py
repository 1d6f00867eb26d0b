"""The limiters that servers may have, and what each of them makes of the same admissions.

A limiter is a hypothesis: a token bucket of some burst, a sliding window of some length, or fixed
windows of some length (``boundaries``).  How large a server's limit is under it is not part of it
(``intervals``).  The lengths of sliding windows are round, as people choose them, and every other
length is near one of these; those of fixed windows are found exactly.
"""

from typing import NamedTuple

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
_FIRST = np.zeros(1, dtype=np.intp)
_TOKENS = np.log(STEPS + 1.0)
_LOG = np.log(np.maximum(np.arange(DEPTH + 2), 0.5))
_ROUNDING = 1e-6  # seconds: the times of one moment differ by less
WHOLE = 1e-3  # of an admission: limits of windows are whole numbers


class Asked(NamedTuple):
    """Attempts to be admitted under one limiter each, after the entries from rank ``first`` on."""

    lane: Ints  # (n,)
    limiter: Ints  # (n,)
    first: Ints  # (n,)
    size: Floats | None  # (n,), where limits are in tokens

    def take(self, those: Ints) -> "Asked":
        size = None if self.size is None else self.size.take(those)
        return Asked(self.lane.take(those), self.limiter.take(those), self.first.take(those), size)


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
        age: Floats = (sent[:, None] - self.admissions.times.take(lane, 0)).astype(np.float32)
        if np.count_nonzero(rank):
            place = np.minimum(rank[:, None] + RANKS, DEPTH - 1)
            age = np.take_along_axis(age, place, 1)
        age[:, 0] = np.inf  # the attempt itself
        need: Floats = np.empty((len(lane), LIMITERS), dtype=np.float32)
        need[:, :FIRST_SLIDING] = self._each_bucket_needs(lane, rank, age)
        since, sure = self.boundaries.age(lane // self.arms, sent)
        span = np.empty((LIMITERS - FIRST_SLIDING, len(lane)), dtype=np.float32)
        span[: len(SLIDING)], span[len(SLIDING) :] = SLIDING[:, None], since.T + _ROUNDING
        # The long axis last, and counted along the first one: three times as quick.
        inside = np.ascontiguousarray(age.T)[:, None, :] < span
        need[:, FIRST_SLIDING:] = self._room_needed(lane, rank, count_true(inside, axis=0).T)
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

    def ready(self, asked: Asked, limit: Floats, refused_at: Floats) -> Floats:
        """(n, Q) when a limit (n, Q) admits what is asked for.

        ``refused_at`` (n,) is when the server refused, if it admitted nothing since, else -inf.
        """
        ready = np.empty(limit.shape)
        for kind, some in _kinds(asked.limiter):
            if some.size == len(limit):
                return self._ready(kind, asked, limit, refused_at)
            part = asked.take(some), limit.take(some, 0), refused_at.take(some)
            ready[some] = self._ready(kind, *part)
        return ready

    def _ready(self, kind: int, asked: Asked, limit: Floats, refused_at: Floats) -> Floats:
        if kind == 0:
            return self._bucket_ready(asked, limit)
        if kind == 1:
            return self._sliding_ready(asked, limit)
        return self._fixed_ready(asked, limit, refused_at)

    def _window_needs(
        self, lane: Ints, limiter: Ints, rank: Ints, sent: Floats, kind: int
    ) -> Floats:
        if kind == 1:
            start = sent - PERIOD.take(limiter)
        else:
            cell = limiter - FIRST_FIXED
            start = self.boundaries.next(lane // self.arms, cell, sent)[0] - _ROUNDING
        inside = self.admissions.times.take(lane, 0) > start[:, None]
        used = np.maximum(count_true(inside) - rank - 1, 0)
        need: Floats = self._room_needed(lane, rank, used[:, None]).reshape(-1)
        return need

    def _sliding_ready(self, asked: Asked, limit: Floats) -> Floats:
        at = self._last_to_leave(asked, limit)
        left_at: Floats = self.admissions.at(asked.lane[:, None], at)
        ready: Floats = left_at + PERIOD.take(asked.limiter)[:, None]
        return ready

    def _fixed_ready(self, asked: Asked, limit: Floats, refused_at: Floats) -> Floats:
        lane, limiter, first, _ = asked
        times = self.admissions.times.take(lane, 0)
        newest = np.maximum(times[np.arange(len(lane)), np.minimum(first, DEPTH - 1)], refused_at)
        cell = limiter - FIRST_FIXED
        start, early, late = self.boundaries.next(lane // self.arms, cell, newest)
        used = count_true(times >= start[:, None] - _ROUNDING) - first
        room = self._has_room(asked, used, limit) & (refused_at < start)[:, None]
        share = np.arange(limit.shape[1]) / (limit.shape[1] - 1)
        return np.where(room, -np.inf, early[:, None] + share * (late - early)[:, None])

    # What depends on the unit of limits; ``tokens`` has it for sizes.

    def _bucket_needs(self, lane: Ints, limiter: Ints, rank: Ints, sent: Floats) -> Floats:
        at = np.minimum((rank + BURSTS.take(limiter))[:, None] + STEPS, DEPTH - 1)
        age = sent[:, None] - self.admissions.at(lane[:, None], at)
        need: Floats = (_TOKENS - np.log(np.minimum(np.maximum(age, 1e-5), 1e6))).max(axis=1)
        return need

    def _each_bucket_needs(self, lane: Ints, rank: Ints, age: Floats) -> Floats:  # noqa: ARG002
        """(n, bursts) the logarithm of the rate that every bucket needs; ``age`` (n, DEPTH)."""
        apart = np.log(np.minimum(np.maximum(age, 1e-5), 1e6)).take(_BUCKETS, 1)
        rates = _TOKENS.astype(np.float32) - apart.reshape(-1, len(BURSTS), len(STEPS))
        need: Floats = rates.max(axis=2)
        return need

    def _room_needed(self, lane: Ints, rank: Ints, before: Ints) -> Floats:  # noqa: ARG002
        """(n, m) the logarithm of the limit that admits an attempt after so many others."""
        need: Floats = _LOG.take(before + 1)
        return need

    def _has_room(self, asked: Asked, used: Ints, limit: Floats) -> Bools:  # noqa: ARG002
        """(n, Q) whether a window that admitted so many (n,) has room for another one."""
        room: Bools = used[:, None] < np.maximum(np.floor(limit + WHOLE), 1.0)
        return room

    def _last_to_leave(self, asked: Asked, limit: Floats) -> Ints:
        """(n, Q) the rank of the last one that must have left a window before another one."""
        count = np.maximum(limit + WHOLE, 1.0).astype(np.intp)
        last: Ints = np.minimum(asked.first[:, None] + count - 1, DEPTH - 1)
        return last

    def _bucket_ready(self, asked: Asked, limit: Floats) -> Floats:
        lane, limiter, first, _ = asked
        at = np.minimum((first + BURSTS.take(limiter) - 1)[:, None] + STEPS, DEPTH - 1)
        times = self.admissions.at(lane[:, None], at)
        full: Floats = times.T[:, :, None] + (STEPS + 1.0)[:, None, None] / limit
        ready: Floats = full.max(axis=0)
        return ready


def _kinds(limiter: Ints) -> list[tuple[int, Ints]]:
    """Which of n limiters are buckets (0), sliding (1) and fixed (2) windows."""
    kind = _KIND.take(limiter)
    if kind.size == 1:
        return [(kind.item(), _FIRST)]
    kinds = ((number, (kind == number).nonzero()[0]) for number in range(3))
    return [(number, some) for number, some in kinds if some.size]
