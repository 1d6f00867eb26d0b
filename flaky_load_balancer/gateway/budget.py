"""Dollars that may be spent within any stretch of time of some length: never more."""

from collections import deque

SLICES = 240  # of the window: what was spent counts until its slice is over wholly


class RollingBudget:
    """The most that an attempt can cost is reserved before it is sent, and settled at its end."""

    def __init__(self, usd: float, per: float) -> None:
        self.usd = usd
        self.per = per
        self.reserved = 0.0  # dollars
        self.factor = 1.0  # how much more than it can cost an attempt has cost
        self._spent: deque[tuple[int, float]] = deque()  # dollars by slice, the oldest first
        self._total = 0.0

    def spent(self, now: float) -> float:
        """Dollars within the last ``per`` seconds."""
        oldest = self._slice(now) - SLICES
        while self._spent and self._spent[0][0] < oldest:
            self._total -= self._spent.popleft()[1]
        if not self._spent:
            self._total = 0.0
        return self._total

    def left(self, now: float) -> float:
        """Dollars that may still be reserved."""
        return self.usd - self.spent(now) - self.reserved

    def reserve(self, dollars: float) -> None:
        self.reserved += dollars

    def settle(self, reserved: float, cost: float, now: float) -> None:
        """What was reserved turned out to cost so much."""
        self.reserved = max(0.0, self.reserved - reserved)
        if reserved and cost > reserved:  # some provider counts more tokens than bytes were sent
            self.factor *= cost / reserved
        self.spend(cost, now)

    def spend(self, cost: float, now: float) -> None:
        """So much was spent at this time, which may be a while ago."""
        if not cost:
            return
        self._total += cost
        at = self._slice(now)
        if self._spent and self._spent[-1][0] >= at:
            self._spent[-1] = self._spent[-1][0], self._spent[-1][1] + cost
        else:
            self._spent.append((at, cost))

    def _slice(self, now: float) -> int:
        return int(now / self.per * SLICES)
