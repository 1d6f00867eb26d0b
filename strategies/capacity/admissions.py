"""When each server admitted an attempt: what happened, what is under way, what is promised.

An attempt is added when it is sent, as if it were admitted, and removed if it is refused; a promise
to a held request is added for the time that it is due, which is in the future.  So the newest
entries are those from which the next admission has to keep its distance.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints

DEPTH = 96  # entries kept of a server: memory, and time of every look at all of them
RANKS = np.arange(DEPTH)


class Admissions:
    """``times`` (lanes, DEPTH), seconds: the last admissions of every server, the newest first.

    ``sizes`` (lanes, DEPTH) are only kept from the first one on that is given.
    """

    def __init__(self, lanes: int) -> None:
        self.times: Floats = np.full((lanes, DEPTH), -np.inf)
        self.sizes: Floats = np.ones((lanes, DEPTH))

    def add(self, lane: Ints, time: Floats, size: Floats | None = None) -> None:
        """Put one entry into each of n lists, where it belongs."""
        if len(lane) == 1 and self._add_newest(lane.item(), time.item(), size):
            return
        old = self.times.take(lane, 0)
        if size is not None:
            rank = count_true(old > time[:, None])
            self.sizes[lane] = _inserted(self.sizes.take(lane, 0), rank, size)
        new = np.empty_like(old)
        new[:, 0], new[:, 1:] = time, old[:, :-1]
        later = old[:, 0] > time
        if np.count_nonzero(later):
            self._sort_in(old, new, np.flatnonzero(later), time)
        self.times[lane] = new

    def _add_newest(self, lane: int, time: float, size: Floats | None) -> bool:
        """The same of one list, as live, if the entry is its newest; whether it is."""
        times, sizes = self.times[lane], self.sizes[lane]
        if times.item(0) > time:
            return False
        times[1:], times[0] = times[:-1], time
        if size is not None:
            sizes[1:], sizes[0] = sizes[:-1], size.item()
        return True

    def remove(self, lane: Ints, rank: Ints, *, sized: bool = False) -> None:
        """Take the entry of this rank out of each of n lists."""
        self.times[lane] = _removed(self.times.take(lane, 0), rank, -np.inf)
        if sized:
            self.sizes[lane] = _removed(self.sizes.take(lane, 0), rank, 1.0)

    def at(self, lane: Ints, rank: Ints) -> Floats:
        """The entries of these ranks; of the shape of both together."""
        entries: Floats = self.times.take(lane * DEPTH + rank)
        return entries

    def used(self, lane: Ints, first: Ints) -> Floats:
        """(n, DEPTH + 1) the sum of the sizes of the m newest entries from rank ``first`` on."""
        sizes = np.where(first[:, None] > RANKS, 0.0, self.sizes.take(lane, 0)).cumsum(axis=1)
        used = np.zeros((len(lane), DEPTH + 1))
        place = np.minimum(first[:, None] + RANKS, DEPTH - 1)
        used[:, 1:] = np.take_along_axis(sizes, place, 1)
        return used

    def rank(self, lane: Ints, time: Floats) -> Ints:
        """(n,) the rank of the entry nearest to a time."""
        nearest: Ints = np.abs(self.times.take(lane, 0) - time[:, None]).argmin(axis=1)
        return nearest

    def _sort_in(self, old: Floats, new: Floats, some: Ints, time: Floats) -> None:
        """Some entries are not the newest of their lists: promises come after them."""
        before, after, time = old.take(some, 0), new.take(some, 0), time.take(some)
        rank = count_true(before > time[:, None])
        np.copyto(after, before, where=rank[:, None] > RANKS)
        after[np.arange(len(some)), np.minimum(rank, DEPTH - 1)] = time
        new[some] = after


def _removed(old: Floats, rank: Ints, last: float) -> Floats:
    """n lists without the entry of this rank, and with another one at the end."""
    new = np.empty_like(old)
    new[:, -1], new[:, :-1] = last, old[:, 1:]
    if np.count_nonzero(rank):
        np.copyto(new, old, where=rank[:, None] > RANKS)
    return new


def _inserted(old: Floats, rank: Ints, entry: Floats) -> Floats:
    """n lists with one entry more at this rank, and without the last one."""
    new = np.empty_like(old)
    new[:, 0], new[:, 1:] = entry, old[:, :-1]
    if np.count_nonzero(rank):
        np.copyto(new, old, where=rank[:, None] > RANKS)
        new[np.arange(len(rank)), np.minimum(rank, DEPTH - 1)] = entry
    return new


def count_true(which: Bools, axis: int = 1) -> Ints:
    """How many are true along an axis of up to 255."""
    count: Ints = np.add.reduce(which.view(np.uint8), axis=axis, dtype=np.uint8).astype(np.intp)
    return count
