"""How many requests are let in, and until when."""

import asyncio
from typing import Any

from flaky_load_balancer.proxy.timers import Alarms

SLOWEST_BODY = 10.0  # seconds until the body of a request of kind ids is there
PATIENCE = 0.02  # seconds before we look whether the client is still there


class Gate:
    """Lets requests in until there are too many, or until we are shutting down."""

    def __init__(self, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self.closing = False
        self.arriving: set[asyncio.Task[Any]] = set()
        self.inside: set[asyncio.Task[Any]] = set()
        self.slow_bodies = Alarms(SLOWEST_BODY)
        self.looks = Alarms(PATIENCE)

    @property
    def in_flight(self) -> int:
        return len(self.inside)

    def refusal(self) -> str | None:
        if self.closing:
            return "shutting down"
        if self.in_flight >= self.max_in_flight:
            return f"{self.in_flight} requests are in flight, --max-in-flight lets in no more"
        return None

    async def close(self, grace: float) -> None:
        """Let no more requests in; give those inside some seconds, then cancel them."""
        self.closing = True
        for task in self.arriving:
            task.cancel()
        if self.inside:
            await asyncio.wait(self.inside, timeout=grace)
        for task in self.inside:
            task.cancel()
        if self.inside:
            await asyncio.wait(self.inside, timeout=grace)
