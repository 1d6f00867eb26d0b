"""What the connections of clients share: a handler, time limits, and when to refuse."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from flaky_load_balancer.proxy.http1.connection import ServerConnection
from flaky_load_balancer.proxy.http1.exchange import REASONS, Exchange, date
from flaky_load_balancer.proxy.http1.failures import BadRequestError
from flaky_load_balancer.proxy.http1.head import Headers, render

log = logging.getLogger(__name__)

Handler = Callable[[Exchange], Awaitable[None]]
Refusal = tuple[Headers, bytes]  # of a 503


class Admission(Protocol):
    """Who decides when a request is handled, and whether it is."""

    def ask(
        self, exchange: Exchange, enter: Callable[[], None], refuse: Callable[[Refusal], None]
    ) -> None:
        """Call one of both, now or later."""

    def forget(self, exchange: Exchange) -> None:
        """Call neither: its client has gone."""

    def refusal(self) -> Refusal | None:
        """What new connections are told that had better not be opened, if that is so."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a client's connection ends."""

    head: float = 10.0  # from the first byte of a head to its last
    keep_alive: float = 75.0  # without a request
    idle: float = 30.0  # without a byte of a body, either way; handlers may set another
    linger: float = 2.0  # reading on after an answer that came before the end of its request
    probe: float = 0.5  # before asking whether a client that sends no more is there at all


class HttpServer:
    """What the connections of one listening address share.

    ``admission`` is asked before a request is handled; without one, all are at once.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.handler = handler
        self.admission = admission
        self.limits = limits or Limits()
        self.connections: set[ServerConnection] = set()
        self.closing = False
        self.refused = 0  # requests that could not be read

    def protocol(self) -> "ServerConnection":
        return ServerConnection(self)

    def refusal(self) -> bytes | None:
        """A whole answer for a connection that is not even opened, under overload."""
        refusal = self.admission.refusal() if self.admission is not None else None
        if refusal is None:
            return None
        headers, body = refusal
        last = b"Content-Length: %d\r\nConnection: close\r\n" % len(body)
        return render(b"HTTP/1.1 503 %b" % REASONS[503], [*headers, (b"Date", date())], last) + body

    def drain(self) -> None:
        """Close connections without a request; the others close after their answers."""
        self.closing = True
        for connection in list(self.connections):
            connection.close_if_idle()

    def abort(self) -> None:
        """End what is left."""
        for connection in list(self.connections):
            connection.reset()

    def log_refused(self, peer: str, error: BadRequestError) -> None:
        """Log requests that could not be read: one line for the first, 10th, 100th, ..."""
        self.refused += 1
        if str(self.refused).strip("0") == "1":
            log.warning(
                "a request of %s got %d: %s (%d so far)",
                peer,
                error.status,
                error.detail,
                self.refused,
            )
