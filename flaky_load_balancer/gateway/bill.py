"""What one request to language models costs."""

from collections.abc import Callable

from flaky_load_balancer.gateway.budget import RollingBudget
from flaky_load_balancer.gateway.usage import Usage
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.http1 import Headers


class Bill:
    """Dollars of the attempts that ended, and those put aside in ``budget`` for others.

    An attempt is reserved for before it is sent, charged as often as more is known of it, and
    settled once, at its end.
    """

    def __init__(self, budget: RollingBudget | None, now: Callable[[], float]) -> None:
        self._budget, self._now = budget, now
        self._reserved: dict[int, float] = {}  # by the number of the attempt
        self._cost = 0.0
        self._estimated = False  # some of it
        self._priced = False  # any server has a price

    def reserve(self, attempt: Attempt, most: float | None) -> bool:
        """Whether there is money for the attempt, which costs at most this, if that is known."""
        assert attempt.server is not None
        self._priced |= attempt.server.settings.provider.prices is not None
        if self._budget is None or most is None:
            return True
        if not self._budget.reserve(most, self._now()):
            return False
        self._reserved[attempt.number] = most
        return True

    def charge(self, attempt: Attempt, usage: Usage) -> None:
        """What an attempt has used so far."""
        assert attempt.server is not None
        prices = attempt.server.settings.provider.prices
        if prices is not None:
            attempt.cost = usage.cost(prices)
        attempt.estimated = usage.estimated
        attempt.size = float(usage.total) if usage.total else None
        attempt.output = float(usage.output) if usage.total else None

    def settle(self, attempt: Attempt) -> None:
        """What is reserved for an attempt is given back, less what it cost."""
        cost = attempt.cost or 0.0
        self._cost += cost
        self._estimated |= attempt.estimated and cost > 0
        if self._budget is not None:
            self._budget.settle(self._reserved.pop(attempt.number, 0.0), cost, self._now())

    def marks(self) -> Headers:
        """Headers that tell the client, where there are prices."""
        if not self._priced:
            return []
        estimated = [(b"X-FLB-Cost-Estimated", b"true")] if self._estimated else []
        return [(b"X-FLB-Cost-USD", b"%.9f" % self._cost), *estimated]

    def close(self) -> None:
        """Whatever happened: no money stays reserved."""
        if self._budget is not None:
            for reserved in self._reserved.values():
                self._budget.settle(reserved, 0.0, self._now())
        self._reserved.clear()
