"""Dollars that may be spent within any stretch of time of some length: never more."""

from flaky_load_balancer.proxy.counts import Balance, Counts, OwnCounts

SLICES = 60  # of the window: what was spent counts until its slice is over wholly
ROUNDING = 1e-9  # dollars


class RollingBudget:
    """The most that an attempt can cost is reserved before it is sent, and settled at its end.

    All processes that have these ``counts`` spend of the same ``usd`` in any ``per`` seconds; each
    writes rows of its own and sees all.
    """

    def __init__(
        self, usd: float, per: float, counts: Counts | None = None, name: str = ""
    ) -> None:
        counts = counts or OwnCounts()
        self.usd = usd
        self.per = per
        self.factor = 1.0  # how much more than it can cost an attempt has cost
        self._spent = Balance(*counts.rows(f"{name}: spent per {per}", SLICES + 2))
        self._reserved, mine = counts.rows(f"{name}: reserved per {per}", 1)
        self._mine = self._reserved[mine]

    @property
    def reserved(self) -> float:
        """Dollars, by all processes."""
        return sum(row[0] for row in self._reserved)

    @property
    def begun(self) -> bool:
        """Whether anything was counted yet."""
        return self._spent.begun

    def spent(self, now: float) -> float:
        """Dollars within the last ``per`` seconds."""
        return self._spent.total(self._slices(now))

    def left(self, now: float) -> float:
        """Dollars that may still be reserved."""
        reserved = self.reserved  # before what was spent, so that no process settles in between
        return self.usd - reserved - self.spent(now)

    def reserve(self, dollars: float, now: float) -> bool:
        """Whether there is as much: of two processes that ask for the last dollar at the same
        moment both may be refused, never both get it.
        """
        self._mine[0] += dollars
        if self.left(now) >= -ROUNDING:
            return True
        self._mine[0] -= dollars
        return False

    def settle(self, reserved: float, cost: float, now: float) -> None:
        """What was reserved turned out to cost so much."""
        self.spend(cost, now)
        self._mine[0] = max(0.0, self._mine[0] - reserved)
        if reserved and cost > reserved:  # some provider counts more tokens than bytes were sent
            self.factor *= cost / reserved

    def spend(self, cost: float, now: float) -> None:
        """So much was spent at this time, which may be a while ago."""
        self._spent.add(self._slices(now), cost)

    def inherit(self, now: float) -> None:
        """What a process in whose place this one is had reserved when it died may be spent."""
        self.settle(self._mine[0], self._mine[0], now)

    def _slices(self, now: float) -> float:
        return now / self.per * SLICES
