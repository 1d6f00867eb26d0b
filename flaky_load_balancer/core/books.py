"""The books of a balancer: every request in flight, and every attempt of each that is under way.

A request occupies a *slot* of its replication; place = row x slots + slot.  Numpy finds entries
several times faster by one index than by two, and by a number faster than by an array of one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flaky_load_balancer.core.types import Bools, Context, Floats, Ints

NO_SERVER = -1  # where an attempt was sent that is not under way
GONE = -2  # where one was sent whose server has left since
FIRST_WIDTH = 2  # attempts of each request that there is room for, at first

Place = Ints | int
_UNKNOWN = np.full(1, np.nan)  # the size of one request
_UNKNOWN.flags.writeable = False


class Books:
    """What is known of requests (``requests``, by place) and of attempts (by place and number)."""

    def __init__(self, replications: int, arms: int, slots: int) -> None:
        self.slots = slots
        places = replications * slots
        self.attempts = np.zeros(places, dtype=np.intp)
        self.tried = np.zeros((places, arms), dtype=bool)
        self.deadline = np.zeros(places)
        self.request = np.zeros(places, dtype=np.int64)
        self.size = np.full(places, np.nan)
        self.held = np.zeros(places, dtype=bool)  # until it is asked about again
        self.any_size = False  # was ever known
        self.any_gone = False  # have any servers ever left
        self.features: Floats | None = None  # (places, d), once there are any
        self.arm = np.full((places, FIRST_WIDTH), NO_SERVER, dtype=np.intp)
        self.sent_at = np.zeros((places, FIRST_WIDTH))

    def arrive(
        self,
        at: Place,
        deadline: Floats | float,
        request: Ints | int,
        size: Floats | float | None = None,
        features: Floats | None = None,
    ) -> None:
        """Requests take these places, or one takes one."""
        self.attempts[at] = 0
        self.tried[at] = False
        self.deadline[at] = deadline
        self.request[at] = request
        self.held[at] = False
        self.arm[at] = NO_SERVER
        if size is not None:
            self.any_size = True
        if self.any_size:
            self.size[at] = np.nan if size is None else size
        if features is not None:
            if self.features is None:
                self.features = np.full((len(self.attempts), features.shape[1]), np.nan)
            self.features[at] = features

    def context(self, rows: Ints, at: Ints, now: Floats, left: Ints, available: Bools) -> Context:
        """What is known of n requests; ``left`` and ``available`` are the driver's to say."""
        return Context(
            rows,
            now,
            self.attempts[at] + 1,
            self.tried[at],
            self.deadline[at],
            self.request[at],
            left,
            available,
            self.size[at],
            None if self.features is None else self.features[at],
        )

    def context_of_one(
        self, rows: Ints, place: int, now: float, left: int, available: Bools
    ) -> Context:
        """As ``context`` for a single request: numbers are quicker than arrays."""
        here = slice(place, place + 1)
        return Context(
            rows,
            np.array([now]),
            np.array([self.attempts.item(place) + 1]),
            self.tried[here].copy(),
            self.deadline[here].copy(),
            self.request[here].copy(),
            np.array([left]),
            available,
            self.size_of_one(place),
            None if self.features is None else self.features[here].copy(),
        )

    def size_of_one(self, place: int) -> Floats:
        """(1,) tokens or bytes of a single request, NaN where unknown."""
        return self.size[place : place + 1].copy() if self.any_size else _UNKNOWN

    def send(self, at: Ints, arm: Ints, now: Floats) -> Ints:
        """(n,) the numbers of n attempts that are sent now."""
        made = self.attempts[at]
        while np.count_nonzero(made >= self.arm.shape[1]):
            self._widen()
        self.attempts[at] = made + 1
        self.tried[at, arm] = True
        self.arm[at, made] = arm
        self.sent_at[at, made] = now
        return made + 1

    def send_one(self, place: int, arm: int, now: float) -> int:
        """As ``send`` for a single attempt: numbers are quicker than arrays."""
        made = self.attempts.item(place)
        if made >= self.arm.shape[1]:
            self._widen()
        self.attempts[place] = made + 1
        self.tried[place, arm] = True
        self.arm[place, made] = arm
        self.sent_at[place, made] = now
        return made + 1

    def end(self, at: Ints, number: Ints | None) -> tuple[Ints, Ints, Floats]:
        """(n,) each: the numbers of n attempts that ended, where they were sent, and when.

        Without ``number`` they are the last ones of their requests.
        """
        number = self.attempts[at] if number is None else number
        known = (number > 0) & (number <= self.arm.shape[1])
        book = at, np.where(known, number, 1) - 1
        arm = self.arm[book]
        if np.count_nonzero(~known | (arm == NO_SERVER)):
            raise ValueError(f"attempts {number} are not all under way")
        self.arm[book] = NO_SERVER
        return number, arm, self.sent_at[book]

    def end_one(self, place: int, number: int | None) -> tuple[int, int, float]:
        """As ``end`` for a single attempt."""
        number = self.attempts.item(place) if number is None else number
        known = 0 < number <= self.arm.shape[1]
        arm = self.arm.item(place, number - 1) if known else NO_SERVER
        if arm == NO_SERVER:
            raise ValueError(f"attempt {number} is not under way")
        self.arm[place, number - 1] = NO_SERVER
        return number, arm, self.sent_at.item(place, number - 1)

    def grow(self, slots: int) -> None:
        """Make room for this many requests in flight in each replication."""
        before, self.slots = self.slots, slots
        for name, book in vars(self).items():
            if isinstance(book, np.ndarray):
                setattr(self, name, _longer(book, before, slots))
        if not self.any_size:
            self.size.fill(np.nan)

    def resize(self, keep: Ints) -> None:
        """Servers come and go: ``keep`` (K',) is what each was before, -1 for a new one."""
        old, new = keep[keep >= 0], np.flatnonzero(keep >= 0)
        is_now = np.full(self.tried.shape[1], GONE)
        is_now[old] = new
        self.any_gone = True
        under_way = self.arm >= 0
        self.arm[under_way] = is_now[self.arm[under_way]]
        tried = np.zeros((len(self.tried), len(keep)), dtype=bool)
        tried[:, new] = self.tried[:, old]
        self.tried = tried

    def _widen(self) -> None:
        """Make room for twice as many attempts of each request."""
        more = (0, 0), (0, self.arm.shape[1])
        self.arm = np.pad(self.arm, more, constant_values=NO_SERVER)
        self.sent_at = np.pad(self.sent_at, more)


def _longer(book: NDArray[Any], before: int, slots: int) -> NDArray[Any]:
    """A book with more slots for each replication."""
    apart = book.reshape(-1, before, *book.shape[1:])
    more = [(0, 0)] * apart.ndim
    more[1] = 0, slots - before
    return np.pad(apart, more).reshape(-1, *book.shape[1:])
