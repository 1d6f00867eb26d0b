"""The ways in which servers may be limited, and what each one makes of the same history.

A way is a hypothesis: a token bucket of some burst, a sliding window of some length, or fixed
windows of some length (``boundaries``).  What a server's limit is under it is not part of it.
Lengths of sliding windows are round, as people choose them, and near every other one; those of
fixed windows are found exactly.
"""

# ruff: noqa: ARG002 (only fixed windows ask when a server was shut)

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.parts.boundaries import Boundaries
from strategies.parts.ledger import DEPTH, PLACE, Ledger, counted

BURSTS = np.array([1, 2, 3, 5, 8, 12, 20, 32])
_ROUND = "0.05 0.06 0.08 0.1 0.125 0.15 0.2 0.25 0.3 0.4 0.5 0.6 0.8 1 1.25 1.5 2 2.5 3 4 5 6 8 10"
_LONG = "12 15 20 25 30 40 50 60 75 90"
SLIDING = 1.003 * np.array(f"{_ROUND} {_LONG}".split(), dtype=float)  # seconds, never too early
FIXED = 0.05 * 2.0 ** (np.arange(34) / 3)
STEPS = np.array([0, 1, 2, 3, 5, 8, 12, 20, 32])  # further admissions that tell a bucket's state
FIRST_SLIDING, FIRST_FIXED = len(BURSTS), len(BURSTS) + len(SLIDING)
WAYS = FIRST_FIXED + len(FIXED)
LENGTH = np.concatenate([np.ones(len(BURSTS)), SLIDING, FIXED])  # what limits are per
_BUCKETS = np.minimum(BURSTS[:, None] + STEPS, DEPTH - 1).ravel()
_KIND = np.repeat(np.arange(3, dtype=np.uint8), (len(BURSTS), len(SLIDING), len(FIXED)))
_TOKENS = np.log(STEPS + 1.0)
_LOG = np.log(np.maximum(np.arange(DEPTH + 2), 0.5))
_LATE = 1e-6  # seconds
_WHOLE = 1e-3  # of an admission: limits of windows are whole numbers


class Ways:
    """What every way makes of the admissions in a ledger."""

    def __init__(self, replications: int, arms: int, ledger: Ledger) -> None:
        self.arms, self.ledger = arms, ledger
        self.boundaries = Boundaries(replications, FIXED)

    def needs(self, lane: Ints, rank: Ints, sent: Floats) -> tuple[Floats, Bools]:
        """(n, WAYS) the logarithm of the limit that attempts needed, and whether that is sure."""
        age = (sent[:, None] - self.ledger.times.take(lane, 0)).astype(np.float32)
        if np.count_nonzero(rank):
            place = np.minimum(rank[:, None] + PLACE, DEPTH - 1)
            age = np.take_along_axis(age, place, 1)
        age[:, 0] = np.inf  # the attempt itself
        need: Floats = np.empty((len(lane), WAYS), dtype=np.float32)
        apart = np.log(np.clip(age, 1e-5, 1e6)).take(_BUCKETS, 1)
        rates = _TOKENS.astype(np.float32) - apart.reshape(-1, len(BURSTS), len(STEPS))
        rates.max(axis=2, out=need[:, :FIRST_SLIDING])
        since, sure = self.boundaries.age(lane // self.arms, sent)
        span = np.empty((WAYS - FIRST_SLIDING, len(lane)), dtype=np.float32)
        span[: len(SLIDING)], span[len(SLIDING) :] = SLIDING[:, None], since.T + _LATE
        # The long axis last, and counted along the first one: three times as quick.
        inside = np.ascontiguousarray(age.T)[:, None, :] < span
        need[:, FIRST_SLIDING:] = _LOG.take(counted(inside, axis=0).T + 1)
        surely = np.ones(need.shape, dtype=bool)
        surely[:, FIRST_FIXED:] = sure
        return need, surely

    def need(self, lane: Ints, way: Ints, rank: Ints, sent: Floats) -> Floats:
        """(n,) the same of one way each."""
        need = np.empty(len(lane))
        for kind, some in _kinds(way):
            at = lane.take(some), way.take(some), rank.take(some), sent.take(some)
            need[some] = self._rate(*at) if kind == 0 else self._count(*at, kind)
        return need

    def ready(self, lane: Ints, way: Ints, first: Ints, limit: Floats, shut: Floats) -> Floats:
        """(n, Q) when a limit (n, Q) admits who sees entries from ``first`` on.

        ``shut`` (n,) is when the server refused, if it admitted nothing since.
        """
        ready = np.empty(limit.shape)
        for kind, some in _kinds(way):
            if some.size == len(lane):
                return _READY[kind](self, lane, way, first, limit, shut)
            at = lane.take(some), way.take(some), first.take(some)
            ready[some] = _READY[kind](self, *at, limit.take(some, 0), shut.take(some))
        return ready

    def _rate(self, lane: Ints, way: Ints, rank: Ints, sent: Floats) -> Floats:
        at = np.minimum((rank + BURSTS.take(way))[:, None] + STEPS, DEPTH - 1)
        age = sent[:, None] - self.ledger.at(lane[:, None], at)
        need: Floats = (_TOKENS - np.log(np.clip(age, 1e-5, 1e6))).max(axis=1)
        return need

    def _count(self, lane: Ints, way: Ints, rank: Ints, sent: Floats, kind: int) -> Floats:
        if kind == 1:
            start = sent - LENGTH.take(way)
        else:
            start = self.boundaries.next(lane // self.arms, way - FIRST_FIXED, sent)[0] - _LATE
        inside = self.ledger.times.take(lane, 0) > start[:, None]
        used = counted(inside) - rank - 1
        need: Floats = _LOG.take(np.maximum(used, 0) + 1)
        return need

    def _bucket_ready(
        self, lane: Ints, way: Ints, first: Ints, limit: Floats, shut: Floats
    ) -> Floats:
        at = np.minimum((first + BURSTS.take(way) - 1)[:, None] + STEPS, DEPTH - 1)
        times = self.ledger.at(lane[:, None], at)
        full: Floats = times.T[:, :, None] + (STEPS + 1.0)[:, None, None] / limit
        ready: Floats = full.max(axis=0)
        return ready

    def _sliding_ready(
        self, lane: Ints, way: Ints, first: Ints, limit: Floats, shut: Floats
    ) -> Floats:
        count = np.maximum(limit + _WHOLE, 1.0).astype(np.intp)
        at = np.minimum(first[:, None] + count - 1, DEPTH - 1)
        ready: Floats = self.ledger.at(lane[:, None], at) + LENGTH.take(way)[:, None]
        return ready

    def _fixed_ready(
        self, lane: Ints, way: Ints, first: Ints, limit: Floats, shut: Floats
    ) -> Floats:
        times = self.ledger.times.take(lane, 0)
        newest = np.maximum(times[np.arange(len(lane)), np.minimum(first, DEPTH - 1)], shut)
        start, early, late = self.boundaries.next(lane // self.arms, way - FIRST_FIXED, newest)
        used = counted(times >= start[:, None] - _LATE) - first
        room = used[:, None] < np.maximum(np.floor(limit + _WHOLE), 1.0)
        room &= (shut < start)[:, None]
        share = np.arange(limit.shape[1]) / (limit.shape[1] - 1)
        return np.where(room, -np.inf, early[:, None] + share * (late - early)[:, None])


_READY = Ways._bucket_ready, Ways._sliding_ready, Ways._fixed_ready


def _kinds(way: Ints) -> list[tuple[int, Ints]]:
    """Which of n ways are buckets (0), sliding (1) and fixed (2) windows."""
    kind = _KIND.take(way)
    kinds = ((number, (kind == number).nonzero()[0]) for number in range(3))
    return [(number, some) for number, some in kinds if some.size]
