"""What the connections of clients share: a handler, time limits, and when to refuse."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import getrandbits
from typing import Protocol

from flaky_load_balancer.proxy.http1.connection import ServerConnection, Visitor
from flaky_load_balancer.proxy.http1.exchange import REASONS, Exchange, date
from flaky_load_balancer.proxy.http1.failures import BadRequestError
from flaky_load_balancer.proxy.http1.head import Headers, render

log = logging.getLogger(__name__)

Handler = Callable[[Exchange], Awaitable[None]]
UNAVAILABLE = b"HTTP/1.1 503 %b" % REASONS[503]


class Refusal:
    """A 503 that is sent so often that it is rendered once a second.

    Each has a number of its own in the header of this ``name``.
    """

    def __init__(self, name: bytes, passed: Headers, body: bytes) -> None:
        self.body = body
        self._name = name
        self._passed = passed
        self._rendered: dict[bool, tuple[bytes, bytes]] = {}  # before the number, and after it
        self._date = b""

    @property
    def headers(self) -> Headers:
        return [*self._passed, (self._name, _number())]

    def whole(self, *, last: bool) -> bytes:
        """The answer, after which its connection goes on or, with the ``last``, is closed."""
        if (now := date()) is not self._date:
            self._date = now
            self._rendered = {last: self._render(now, last=last) for last in (False, True)}
        before, after = self._rendered[last]
        return b"%b%b%b" % (before, _number(), after)

    def _render(self, now: bytes, *, last: bool) -> tuple[bytes, bytes]:
        framing = b"Content-Length: %d\r\n" % len(self.body)
        framing += b"Connection: close\r\n" if last else b""
        head = render(UNAVAILABLE, [*self._passed, (b"Date", now), (self._name, b"\0")], framing)
        before, _, after = head.partition(b"\0")
        return before, after + self.body


def _number() -> bytes:
    return b"%032x" % getrandbits(128)


class Admission(Protocol):
    """Who decides when a request is handled, and whether it is."""

    @property
    def crowded(self) -> bool:
        """Whoever asks now will wait, or be refused."""

    def ask(self, visitor: Visitor) -> None:
        """Let it enter or refuse it, now or later."""

    def forget(self, visitor: Visitor) -> None:
        """Do neither; or it was let in, and has gone."""

    def hand_over(self, visitor: Visitor, other: Visitor) -> None:
        """Another one comes in place of this one, which was let in."""

    def refusal(self) -> Refusal:
        """What is said to those who are refused."""


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

    def protocol(self, early: bytes = b"", *, let_in: bool = False) -> ServerConnection:
        return ServerConnection(self, early, let_in=let_in)

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
