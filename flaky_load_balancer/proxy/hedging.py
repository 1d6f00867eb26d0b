"""When a second attempt is sent beside one that has not answered.  No I/O."""

from collections import deque

import numpy as np

from flaky_load_balancer.config import Hedge
from flaky_load_balancer.proxy.counts import Balance
from flaky_load_balancer.proxy.retry import RetryBudget

ENOUGH = 100  # times to first byte that a quantile takes
RECENT = 1000  # that it is of
STEP = 50  # new ones after which it is taken again


class Hedging:
    """How long to wait, by the route's times to first byte, and for how many requests."""

    def __init__(self, hedge: Hedge, balance: Balance | None = None) -> None:
        self._hedge = hedge
        self._times: deque[float] = deque(maxlen=RECENT)
        self._count = 0
        self._after = hedge.after
        self.budget = RetryBudget(hedge.percent, 0.0, balance)

    @property
    def after(self) -> float | None:
        """Seconds; None while too little is known."""
        return self._after

    def add(self, seconds: float) -> None:
        """A time to first byte."""
        if self._hedge.quantile is None:
            return
        self._times.append(seconds)
        self._count += 1
        if self._count >= ENOUGH and self._count % STEP == 0:
            self._after = float(np.quantile(self._times, self._hedge.quantile))
