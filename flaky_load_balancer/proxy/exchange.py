"""The client's side of HTTP/1.1, as little of it as an attempt needs: post a body, read a status.

Why our own, when there are good clients: docs/decisions/0003-http-client.md.  Parsing is left to
llhttp (httptools), connecting and TLS to asyncio.  A connection carries one exchange at a time.
"""

import asyncio
import select
from collections import defaultdict, deque
from dataclasses import dataclass
from ssl import SSLContext, create_default_context
from typing import cast
from urllib.parse import urlsplit

import httptools

KEEP_ALIVE = 1.5  # seconds idle; below the 2 to 5 s after which common servers hang up, since an
#                   attempt on a connection that the server is just closing is a failure for nothing
LARGEST_HEAD = 65536  # bytes of an answer before its body


class BrokenAnswerError(Exception):
    """The connection was made, and no whole HTTP answer came: it may have been served."""


@dataclass(frozen=True, eq=False, slots=True)
class Server:
    """Where a server is, and what every request to it begins with."""

    host: str
    port: int
    tls: bool
    head: bytes

    @classmethod
    def at(cls, url: str) -> "Server":
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        head = f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname or "", port, tls, f"{head}Content-Type: text/plain\r\n".encode())


class Exchange(asyncio.Protocol):
    """One connection to a server."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.lost = False
        self.since = 0.0  # idle since, on the loop's clock
        self._answer: asyncio.Future[tuple[int, str | None]] | None = None
        self._framed = False  # the answer says itself where it ends
        self._body = False  # the head of the answer is over
        self._reusable = False

    def post(self, request: bytes) -> "asyncio.Future[tuple[int, str | None]]":
        """Send a request; the answer's status and ``Retry-After``, or BrokenAnswerError."""
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._retry_after: str | None = None
        self._framed = self._body = self._reusable = False
        self._head = 0  # bytes of it so far
        self.transport.write(request)
        return self._answer

    @property
    def reusable(self) -> bool:
        """The answer was read to its end, and the server keeps the connection open."""
        return self._reusable and not self.lost

    @property
    def quiet(self) -> bool:
        """Nothing has come while it was idle; what comes then is the end of the connection.

        The event loop may not have seen that yet, so the system is asked: an attempt on a
        connection that the server has closed would be a failure that nobody has made.
        """
        return not self.lost and not self._news.poll(0)

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._news = select.poll()
        self._news.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nobody asked
            return
        self._head += 0 if self._body else len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._reusable = False  # whatever follows a whole answer spoils the connection
            self._fail(f"not an HTTP answer: {error}")
        if self._head > LARGEST_HEAD and not self._body:
            self._fail("the head of the answer does not end")

    def eof_received(self) -> None:
        """An answer without a length ends with the connection."""
        if self._body and not self._framed:
            self._done()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._fail(f"connection lost: {error or 'closed by the server'}")

    def abort(self) -> None:
        self.lost = True
        self.transport.abort()

    # What the parser tells.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._body:
            return  # a trailer
        name = name.lower()
        if name == b"retry-after":
            self._retry_after = value.decode("latin-1")
        elif name in {b"content-length", b"transfer-encoding"}:
            self._framed = True

    def on_headers_complete(self) -> None:
        self._body = self._parser.get_status_code() >= 200
        if not self._body:  # only "go on" (1xx): the answer is still to come
            self._framed, self._retry_after = False, None

    def on_message_complete(self) -> None:
        if self._body:
            once = self._answer is not None and not self._answer.done()
            self._reusable = once and self._parser.should_keep_alive()
            self._done()

    def _done(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), self._retry_after))

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BrokenAnswerError(reason))
            self.abort()


class Exchanges:
    """Connections to all servers, kept for a moment between requests."""

    def __init__(self) -> None:
        self._idle: dict[Server, deque[Exchange]] = defaultdict(deque)
        self._tls: SSLContext | None = None

    async def post(self, server: Server, body: bytes) -> tuple[int, str | None]:
        """An answer's status and ``Retry-After``.

        OSError if there is no connection, BrokenAnswerError if there was one.  Cancelling closes
        the connection: its answer must not be taken for that to the next request.
        """
        exchange = self._kept(server) or await self._connected(server)
        request = b"%bContent-Length: %d\r\n\r\n%b" % (server.head, len(body), body)
        try:
            answer = await exchange.post(request)
        except BaseException:
            exchange.abort()
            raise
        self._keep(server, exchange)
        return answer

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().abort()

    def _kept(self, server: Server) -> Exchange | None:
        idle = self._idle[server]
        self._prune(idle)
        while idle:
            exchange = idle.pop()
            if exchange.quiet:
                return exchange
            exchange.abort()
        return None

    def _keep(self, server: Server, exchange: Exchange) -> None:
        if not exchange.reusable:
            exchange.transport.close()
            return
        exchange.since = asyncio.get_running_loop().time()
        idle = self._idle[server]
        self._prune(idle)
        idle.append(exchange)

    def _prune(self, idle: deque[Exchange]) -> None:
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE
        while idle and (idle[0].lost or idle[0].since < oldest):
            idle.popleft().transport.close()

    async def _connected(self, server: Server) -> Exchange:
        if server.tls and self._tls is None:
            self._tls = create_default_context()
        _, exchange = await asyncio.get_running_loop().create_connection(
            Exchange, server.host, server.port, ssl=self._tls if server.tls else None
        )
        return exchange
