"""When each server admitted an attempt: what happened, what is under way, what is promised.

An attempt is entered when it is sent, as if it were admitted, and struck out if it is refused; a
promise to a held request is entered for the time that it is due, which is in the future.  So the
newest entries are what the next admission has to keep its distance from.
"""

import numpy as np

from flaky_load_balancer.types import Floats, Ints

DEPTH = 96  # entries: deeper than any spacing looks, and room for promises


class Ledger:
    """``times`` (R, K, DEPTH): the last admissions of every server, the newest first."""

    def __init__(self, replications: int, arms: int) -> None:
        self.times: Floats = np.full((replications, arms, DEPTH), -np.inf)

    def enter(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """Put one entry into each of n lists, where it belongs."""
        old = self.times[rows, arm]
        rank = np.count_nonzero(old > time[:, None], axis=1)[:, None]
        new = np.empty_like(old)
        new[:, 0], new[:, 1:] = -np.inf, old[:, :-1]
        np.copyto(new, old, where=rank > PLACE)
        np.put_along_axis(new, np.minimum(rank, DEPTH - 1), time[:, None], 1)
        self.times[rows, arm] = new

    def strike(self, rows: Ints, arm: Ints, rank: Ints) -> None:
        """Take the entry of this rank out of each of n lists."""
        old = self.times[rows, arm]
        new = np.empty_like(old)
        new[:, -1], new[:, :-1] = -np.inf, old[:, 1:]
        np.copyto(new, old, where=rank[:, None] > PLACE)
        self.times[rows, arm] = new

    def rank(self, rows: Ints, arm: Ints, time: Floats) -> Ints:
        """(n,) the rank of the entry nearest to a time."""
        nearest: Ints = np.abs(self.times[rows, arm] - time[:, None]).argmin(axis=1)
        return nearest

    def before(self, rows: Ints, arm: Ints, rank: Ints, count: Ints) -> Floats:
        """The ``count``-th entry before the one of this rank; of the shape of all four together."""
        found: Floats = self.times[rows, arm, np.minimum(rank + count, DEPTH - 1)]
        return found


PLACE = np.arange(DEPTH)
