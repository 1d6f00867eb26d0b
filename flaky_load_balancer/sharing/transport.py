"""How batches of facts get from a replica to all others: an interface, and the one to nobody."""

from collections.abc import Callable
from typing import Protocol

Deliver = Callable[[bytes, str | None], None]


class Transport(Protocol):
    """Takes batches away, and brings those of all others; perhaps also one's own, and some twice.

    ``deliver(batch, position)`` is called in the event loop.  ``position`` says up to where the
    stream of the route was read then, for transports that have one.
    """

    @property
    def offset(self) -> float:
        """Seconds to add to the clock here for the one that all replicas share."""

    @property
    def connected(self) -> bool:
        """Whether what is published gets anywhere."""

    @property
    def dropped(self) -> int:
        """Batches of all routes that there was no room for."""

    def subscribe(self, route: str, deliver: Deliver) -> None:
        """Bring what the replicas of this route tell, in place of what was asked for before."""

    def unsubscribe(self, route: str) -> None:
        """Bring nothing more of this route."""

    def publish(self, route: str, batch: bytes) -> None:
        """Tell all replicas of a route.  It never waits; what there is no room for is dropped."""


class Nobody:
    """No replicas."""

    offset = 0.0
    connected = False
    dropped = 0

    def subscribe(self, route: str, deliver: Deliver) -> None: ...

    def unsubscribe(self, route: str) -> None: ...

    def publish(self, route: str, batch: bytes) -> None: ...
