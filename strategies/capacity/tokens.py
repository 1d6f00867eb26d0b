"""Limiters of tokens: an attempt takes its size of a bucket or of a window, not one admission.

Sizes are in multiples of the first one that was heard of in a fleet (``Capacity``), so that limits
of requests and of tokens have the same range.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity.admissions import DEPTH
from strategies.capacity.limiters import BURSTS, WHOLE, Asked, Limiters

# Sizes that a full bucket holds.  Providers' buckets are deep: a minute's tokens.
DEPTHS = 2.0 ** np.array([0, 1, 2, 3, 4, 5, 6, 8])
LOOKS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 94])  # ranks
TOO_LARGE = 20.0  # the logarithm of a limit that is beyond all limits
LEAST_TOKENS = 1e-6  # that a bucket lacks: a logarithm needs more than none


class TokenLimiters(Limiters):
    """What every limiter makes of the sizes of admissions."""

    def _each_bucket_needs(self, lane: Ints, rank: Ints, age: Floats) -> Floats:
        apart = np.clip(age.take(LOOKS, 1), 1e-5, 1e6)
        used = self.admissions.used(lane, rank).take(LOOKS + 1, 1)
        lacking = np.maximum(used[:, None, :] - DEPTHS[:, None], LEAST_TOKENS)
        need: Floats = np.log((lacking / apart[:, None, :]).max(axis=2))
        return self._if_it_fits(lane, rank, need, DEPTHS)

    def _bucket_needs(self, lane: Ints, limiter: Ints, rank: Ints, sent: Floats) -> Floats:
        at = np.minimum(rank[:, None] + LOOKS, DEPTH - 1)
        apart = np.clip(sent[:, None] - self.admissions.at(lane[:, None], at), 1e-5, 1e6)
        used = self.admissions.used(lane, rank).take(LOOKS + 1, 1)
        depth = DEPTHS.take(limiter)[:, None]
        lacking = np.maximum(used - depth, LEAST_TOKENS)
        need = np.log((lacking / apart).max(axis=1))[:, None]
        return self._if_it_fits(lane, rank, need, depth)[:, 0]

    def _if_it_fits(self, lane: Ints, rank: Ints, need: Floats, depth: Floats) -> Floats:
        """What is larger than a full bucket is never admitted."""
        size = self.admissions.sizes[lane, rank]
        fits: Floats = np.where(size[:, None] > depth, TOO_LARGE, need)
        return fits

    def _room_needed(self, lane: Ints, rank: Ints, before: Ints) -> Floats:
        used = np.take_along_axis(self.admissions.used(lane, rank), before + 1, 1)
        need: Floats = np.log(used)
        return need

    def _has_room(self, asked: Asked, used: Ints, limit: Floats) -> Bools:
        spent = self.admissions.used(asked.lane, asked.first)[
            np.arange(len(used)), np.maximum(used, 0)
        ]
        assert asked.size is not None
        size = asked.size[:, None]
        room: Bools = spent[:, None] + size <= np.maximum(limit, size) + WHOLE
        return room

    def _last_to_leave(self, asked: Asked, limit: Floats) -> Ints:
        used = self.admissions.used(asked.lane, asked.first)
        assert asked.size is not None
        left = np.maximum(limit - asked.size[:, None], 0.0) + WHOLE
        stay = np.count_nonzero(used[:, 1:, None] <= left[:, None, :], axis=1)
        last: Ints = np.minimum(asked.first[:, None] + stay, DEPTH - 1)
        return last

    def _bucket_ready(self, asked: Asked, limit: Floats) -> Floats:
        lane, limiter, first, size = asked
        assert size is not None
        at = np.minimum(first[:, None] + LOOKS - 1, DEPTH - 1)
        used = self.admissions.used(lane, first).take(LOOKS, 1)
        lacking = used + (size - np.maximum(DEPTHS.take(limiter), size))[:, None]
        seconds = np.maximum(lacking, 0.0)[:, :, None] / limit[:, None, :]
        full = np.where(lacking > 0, self.admissions.at(lane[:, None], at), -np.inf)
        ready: Floats = (full[:, :, None] + seconds).max(axis=1)
        return ready


assert len(DEPTHS) == len(BURSTS), "limiters of both units have the same numbers"
