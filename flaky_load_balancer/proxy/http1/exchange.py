"""One request of a client and the answer to it, as handlers see them."""

import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from flaky_load_balancer.proxy.http1.body import Body
from flaky_load_balancer.proxy.http1.head import Headers, RequestHead, render

if TYPE_CHECKING:
    from flaky_load_balancer.proxy.http1.connection import ServerConnection, Visitor

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def date() -> bytes:
    """The time of day, as answers of our own carry it."""
    return _date(int(time.time()))


class Exchange:
    """One request, and what is answered.

    The answer is ``inform``, ``respond``, ``write``, ``finish``, or ``upgrade``; ``abort`` breaks
    it off at any point so that the client notices.  As a sink (``write``, ``end``, ``feed_from``)
    it takes the body of a server's answer.
    """

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_connection",
        "_left",
        "body",
        "finished",
        "gone",
        "head",
        "keep_alive",
        "responded",
        "status",
        "upgraded",
        "written",
    )

    def __init__(self, connection: "ServerConnection", head: RequestHead, body: Body) -> None:
        self.head = head
        self.body = body
        self.responded = False  # the head of the final answer is on its way
        self.status: int | None = None  # of the answer, once there is one
        self.finished = False  # the answer is complete or broken off
        self.gone = False  # the client has hung up
        self.upgraded = False
        self.keep_alive = head.keep_alive
        self.written = 0  # bytes of the answer's body
        self._connection = connection
        self._bodiless = False
        self._chunked = False
        self._left: int | None = None  # bytes that Content-Length still promises

    # What was asked.

    @property
    def method(self) -> bytes:
        return self.head.method

    @property
    def headers(self) -> Headers:
        return self.head.headers

    @property
    def visitor(self) -> "Visitor":
        """Who asked for it to be handled."""
        return self._connection

    @property
    def peer(self) -> str:
        """The address of the client, "" where the system does not say."""
        return self._connection.peer

    @property
    def tls(self) -> bool:
        return self._connection.tls

    def limit(self, idle: float) -> None:
        """Seconds without a byte of the request's body, or without room for the answer's."""
        self._connection.limit(idle)

    async def read(self) -> bytes:
        """The next piece of the request's body; b"" at the end.  BodyError if it breaks off."""
        return await self.body.read()

    # What is answered.

    def inform(self, status: int, reason: bytes, headers: Headers) -> None:
        """An interim answer (1xx); clients of HTTP/1.0 know none."""
        if self.head.minor and not self.responded and not self.gone:
            self._connection.out.write(render(b"HTTP/1.1 %d %b" % (status, reason), headers, b""))

    def respond(
        self, status: int, reason: bytes, headers: Headers, length: int | None = None
    ) -> None:
        """The head of the answer; ``length`` of the body in bytes, None if it is not known.

        ``headers`` are those to be passed on; what frames the body and ends the connection is
        added here.  To HEAD, and with 304, ``length`` is what the body would have; None is silent.
        """
        head = self._begin(status, reason, headers, length)
        if not self.gone:
            self._connection.out.write(head)

    def reply(self, status: int, headers: Headers, body: bytes, reason: bytes = b"") -> None:
        """A whole answer."""
        reason = reason or REASONS.get(status, b"")
        head = self._begin(status, reason, [*headers, (b"Date", date())], len(body))
        if not self.gone:
            if not self._bodiless:
                self.written = len(body)
                head += body
            self._connection.out.write_now(head)
        self.finished = True
        self._connection.ended(self)

    def write(self, data: bytes) -> None:
        """Some of the answer's body; see ``drain``."""
        if not data or self.gone or self.finished or self._bodiless:
            return
        size = len(data)
        self.written += size
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise ValueError("the body is longer than its Content-Length")
        if self._chunked:
            self._connection.out.write_chunk(data)
        else:
            self._connection.out.write(data)

    async def disconnected(self) -> None:
        """Until the client has hung up."""
        await self._connection.disconnected()

    async def drain(self) -> None:
        """Until the client has taken most of what was written."""
        await self._connection.out.drain()

    def finish(self) -> None:
        """The answer is complete; one that is shorter than promised is broken off."""
        if self.finished:
            return
        if self._left and not self._bodiless:
            self.abort()
            return
        if self._chunked and not self.gone:
            self._connection.out.write(b"0\r\n\r\n")
        self.finished = True
        self._connection.ended(self)

    def abort(self) -> None:
        """Break the answer off: the client sees no clean end."""
        if not self.finished:
            self.finished = True
            self._connection.reset()

    def upgrade(self, reason: bytes, headers: Headers) -> None:
        """Switch protocols (101): from now on ``body`` and ``write`` carry raw bytes.

        ``headers`` include Upgrade.
        """
        assert not self.responded
        self.responded = self.upgraded = True
        self.status = 101
        last = b"Connection: Upgrade\r\n"
        self._connection.out.write(render(b"HTTP/1.1 101 %b" % reason, headers, last))
        self.body = self._connection.switch()

    # A sink.

    def end(self) -> None:
        """The source has ended: so has the answer, or this direction of a tunnel."""
        if self.upgraded:
            self._connection.out.end()
        else:
            self.finish()

    def fail(self, error: Exception) -> None:  # noqa: ARG002
        """The source has broken off, and so does the answer."""
        self.abort()

    def feed_from(self, pause: Callable[[bool], None] | None) -> None:
        self._connection.out.feed_from(pause)

    def _begin(self, status: int, reason: bytes, headers: Headers, length: int | None) -> bytes:
        """The head of the final answer, which is sent now."""
        assert not self.responded
        self.responded, self.status = True, status
        self._bodiless = self.head.method == b"HEAD" or status in {204, 304}
        last = self._framing(status, length)
        return render(b"HTTP/1.1 %d %b" % (status, reason), headers, last)

    def _framing(self, status: int, length: int | None) -> bytes:
        """The headers that say where the body ends and whether the connection goes on."""
        last = b""
        if length is not None:
            self._left = length
            if status != 204:
                last = b"Content-Length: %d\r\n" % length
        elif not self._bodiless:
            if self.head.minor:
                self._chunked = True
                last = b"Transfer-Encoding: chunked\r\n"
            else:
                self.keep_alive = False
        if not self.body.complete or self._connection.last:
            self.keep_alive = False
        if not self.keep_alive:
            return last + b"Connection: close\r\n"
        return last if self.head.minor else last + b"Connection: keep-alive\r\n"
