"""What one request asks of servers: its model, room for its tokens, money for its answer."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.gateway.asked import Asked
from flaky_load_balancer.gateway.budget import RollingBudget
from flaky_load_balancer.gateway.limits import Remaining
from flaky_load_balancer.gateway.usage import MILLION
from flaky_load_balancer.proxy.pool import Server


class Terms:
    """``models``: the names of the servers that may serve the request's model, None for all."""

    def __init__(
        self,
        asked: Asked,
        names: frozenset[str] | None,
        budget: RollingBudget | None,
        remaining: Mapping[str, Remaining],
        now: Callable[[], float],
    ) -> None:
        self.larger_than = 0  # tokens: the context of a model for which it was too long
        self.size = float(asked.size + (asked.max_output or 0) * asked.answers)
        self._asked = asked
        self._names = names
        self._budget = budget
        self._remaining = remaining
        self._now = now

    def serves(self, servers: Sequence[Server]) -> Sequence[bool]:
        """Those that may serve it; of these the ones that say that they have room, if any do."""
        left = self.left
        may = [self.served(server) and self._affordable(server, left) for server in servers]
        if not self._remaining:
            return may
        roomy = [each and self._has_room(at) for each, at in zip(may, servers, strict=True)]
        return roomy if any(roomy) else may

    def reserve(self, servers: Sequence[Server]) -> Floats | None:
        most = [self.most(server) for server in servers]
        known = [each for each in most if each is not None]
        return np.array([known]) if len(known) == len(most) else None

    @property
    def left(self) -> float | None:
        """Dollars of the budget that may still be reserved, None without one."""
        return None if self._budget is None else self._budget.left(self._now())

    def most(self, server: Server) -> float | None:
        """The most dollars that an answer of this server can cost; None if nothing limits it."""
        provider, asked = server.settings.provider, self._asked
        prices = provider.prices
        if prices is None:
            return 0.0
        output = provider.max_output if asked.max_output is None else asked.max_output
        if output is None:
            return None
        most = asked.most_size * prices.input + output * asked.answers * prices.output
        return most / MILLION * (1.0 if self._budget is None else self._budget.factor)

    def served(self, server: Server) -> bool:
        """Whether it has the model, and room for the request's tokens as far as is known."""
        if self._names is not None and server.name not in self._names:
            return False
        return not self.larger_than or (server.settings.provider.context or 0) > self.larger_than

    def unlimited(self, servers: Sequence[Server]) -> bool:
        """Whether nothing limits what it can cost, on any server that has the model."""
        served = [server for server in servers if self.served(server)]
        return bool(served) and all(self.most(server) is None for server in served)

    def unaffordable(self, servers: Sequence[Server]) -> bool:
        """Whether only the budget is in its way."""
        served = [server for server in servers if self.served(server)]
        left = self.left
        return bool(served) and not any(self._affordable(server, left) for server in served)

    def _affordable(self, server: Server, left: float | None) -> bool:
        if left is None:
            return True
        most = self.most(server)
        return most is not None and most <= left

    def _has_room(self, server: Server) -> bool:
        remaining = self._remaining.get(server.name)
        return remaining is None or remaining.allows(self.size, time.monotonic())
