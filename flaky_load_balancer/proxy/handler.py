"""A route that answers by itself, as the data plane sees it."""

from dataclasses import dataclass
from typing import Protocol

from flaky_load_balancer.config import RouteSettings
from flaky_load_balancer.proxy.http1 import Exchange
from flaky_load_balancer.proxy.request import Request


@dataclass(slots=True)
class Visit:
    """A request while it is here, of a route that answers by itself."""

    id: bytes
    trusted: bool  # its client's X-Forwarded-* are kept
    request: Request | None = None


class Handler(Protocol):
    """A route of kind ``ids`` or ``openai``: requests are read before they are delivered."""

    settings: RouteSettings

    async def handle(self, exchange: Exchange, visit: Visit) -> None:
        """Answer a request."""

    def refuse(self, exchange: Exchange, status: int, why: str, visit: Visit) -> None:
        """Answer one that is turned away, in the words of this kind."""
