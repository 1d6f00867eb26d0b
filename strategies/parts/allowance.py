"""What each server admits in a window, and how much of that is used: limits of fixed windows.

    refused as the (c + 1)-th in its window:  limit = c, and the window is full
    admitted beyond the limit:                limit = c

A limit may rise: at a rate u per window, the share of windows since their last refusal in which
attempts beyond the limit were admitted, over all servers of a run.  So an attempt beyond it is
admitted with chance 1 - (1 - u)^m, m windows after the last refusal.
"""

import numpy as np

from flaky_load_balancer.types import Bools, Floats, Ints
from strategies.parts.windows import Windows

AHEAD = 16  # windows that are looked at
RISES, TRIALS = 1.0, 10.0  # before any was seen
LONGEST = 20.0  # windows without a refusal that count as trials
MEMORY = 0.98


class Allowance:
    """``limit`` (R, K), infinite before the first refusal; ``used`` (R, K, AHEAD) in a ring."""

    def __init__(self, windows: Windows, replications: int, arms: int) -> None:
        self.windows = windows
        shape = replications, arms
        self.limit: Floats = np.full(shape, np.inf)
        self.full: Floats = np.full(shape, -1.0)  # the number of the last window that refused
        self.used: Floats = np.zeros((*shape, AHEAD))
        self.number: Floats = np.full((*shape, AHEAD), -1.0)  # the window of each place
        self.rises: Floats = np.full(replications, RISES)
        self.trials: Floats = np.full(replications, TRIALS)

    def forget(self, rows: Ints) -> None:
        """The windows are others now."""
        self.limit[rows] = np.inf
        self.full[rows] = self.number[rows] = -1.0

    def count(self, rows: Ints, arm: Ints, time: Floats, by: float) -> None:
        """Enter attempts into their windows (``by`` 1), or strike them out (-1)."""
        number = self.windows.number(rows, time)
        on = np.flatnonzero(number >= 0)
        if on.size:
            rows, arm, number = rows[on], arm[on], number[on]
            used = np.maximum(self._used(rows, arm, number) + by, 0.0)
            at = rows, arm, number.astype(np.intp) % AHEAD
            self.used[at], self.number[at] = used, number

    def learn(self, rows: Ints, arm: Ints, sent: Floats, refused: Bools) -> None:
        """Attempts, entered before, were answered."""
        number = self.windows.number(rows, sent)
        on = np.flatnonzero(number >= 0)
        if on.size:
            self._learn(rows[on], arm[on], number[on], refused[on])

    def chance(self, rows: Ints, arm: Ints, now: Floats) -> Floats:
        """(n,) the chance that an attempt, not entered yet, is admitted now; NaN if unknown."""
        number = self.windows.number(rows, now)
        beyond = self._beyond(rows, number - self.full[rows, arm])
        open_ = self._used(rows, arm, np.nan_to_num(number)) < self.limit[rows, arm]
        p = np.where(self.full[rows, arm] == number, 0.0, np.where(open_, 1.0, beyond))
        return np.where(np.isnan(number), np.nan, p)

    def next_room(self, rows: Ints, arm: Ints, now: Floats) -> tuple[Floats, Floats]:
        """When a window with room begins, or just the next one; the chance of admission then."""
        number = self.windows.number(rows, now)
        ahead = np.nan_to_num(number)[..., None] + np.arange(1, AHEAD)
        used = self._used(rows[..., None], arm[..., None], ahead)
        room = used < self.limit[rows, arm][..., None]
        first = np.where(room.any(axis=-1), room.argmax(axis=-1), 0) + 1.0
        beyond = self._beyond(rows, number + 1.0 - self.full[rows, arm])
        p = np.where(room.any(axis=-1), 1.0, beyond)
        return self.windows.start(rows, number + first), p

    def _learn(self, rows: Ints, arm: Ints, number: Floats, refused: Bools) -> None:
        at = rows, arm
        used, limit, full = self._used(rows, arm, number), self.limit[at], self.full[at]
        self._follow(rows, np.where((used > limit) & (full < number), number - full, 0.0), refused)
        more = np.where(limit < np.inf, np.maximum(limit, used), limit)
        self.limit[at] = np.where(refused, np.minimum(limit, np.maximum(used - 1.0, 0.0)), more)
        self.full[at] = np.where(refused, number, full)

    def _follow(self, rows: Ints, windows: Floats, refused: Bools) -> None:
        """Learn how often limits rise; ``windows`` (n,) since a refusal, 0 if within the limit."""
        tried = np.flatnonzero(windows > 0)
        if tried.size:
            rows, lucky = rows[tried], ~refused[tried]
            self.rises[rows] = MEMORY * (self.rises[rows] + lucky)
            windows = np.minimum(windows[tried], LONGEST)
            self.trials[rows] = MEMORY * (self.trials[rows] + windows)

    def _beyond(self, rows: Ints, windows: Floats) -> Floats:
        rate = np.minimum(self.rises[rows] / self.trials[rows], 0.9)
        return 1.0 - (1.0 - rate) ** np.maximum(windows, 1.0)

    def _used(self, rows: Ints, arm: Ints, number: Floats) -> Floats:
        at = rows, arm, number.astype(np.intp) % AHEAD
        return np.where(self.number[at] == number, self.used[at], 0.0)
