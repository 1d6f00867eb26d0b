"""The connections of clients: requests in, one after the other, and their answers out."""

import asyncio
import logging
import re
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from flaky_load_balancer.proxy.http1.body import Body, wake
from flaky_load_balancer.proxy.http1.exchange import REASONS, Exchange, date
from flaky_load_balancer.proxy.http1.failures import BadRequestError, BodyError
from flaky_load_balancer.proxy.http1.framing import (
    Chunked,
    Counted,
    Decoder,
    Endless,
    FramingError,
)
from flaky_load_balancer.proxy.http1.head import (
    CHUNKED,
    LARGEST_HEAD,
    TEXT,
    Headers,
    RequestHead,
    parse_request,
    render,
)
from flaky_load_balancer.proxy.http1.timer import Timer
from flaky_load_balancer.proxy.problems import MEDIA_TYPE, details

LARGEST_AHEAD = 65536  # bytes of further requests that wait for the answer to one before them
WRITE_TOGETHER = 16384  # bytes that wait for what is written next
WRITE_AHEAD = 4096  # bytes that may wait to be sent before whoever writes is held back
LOOK_AGAIN = 0.1  # seconds between looks whether a client has gone that sends no more
BARE_LF = re.compile(rb"(?<!\r)\n")
EMPTY_LINES = re.compile(rb"(?:\r\n)+")
LINE_BYTES = TEXT + b"\r\n"
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection
log = logging.getLogger(__name__)

Handler = Callable[[Exchange], Awaitable[None]]
Refusal = tuple[Headers, bytes]  # of a 503


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

    ``overloaded`` is asked before a request is handled: headers and body of a 503, or None.  To
    refuse costs a fraction of what to serve costs, which is what lets a server under a multiple
    of its load go on serving.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        overloaded: Callable[[], Refusal | None] | None = None,
    ) -> None:
        self.handler = handler
        self.overloaded = overloaded
        self.limits = limits or Limits()
        self.connections: set[ServerConnection] = set()
        self.closing = False
        self.refused = 0  # requests that could not be read

    def protocol(self) -> "ServerConnection":
        return ServerConnection(self)

    def refusal(self) -> bytes | None:
        """A whole answer for a connection that need not even be opened, under overload."""
        refusal = self.overloaded() if self.overloaded is not None else None
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


class ServerConnection(asyncio.Protocol):
    """One client."""

    __slots__ = (
        "_ahead",
        "_closing",
        "_decoder",
        "_drained",
        "_ended",
        "_exchange",
        "_feeder",
        "_full",
        "_gone",
        "_held",
        "_idle",
        "_lingering",
        "_loop",
        "_out",
        "_out_size",
        "_probed",
        "_progress",
        "_server",
        "_task",
        "_timer",
        "_unsent",
        "peer",
        "tls",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._timer = Timer(self._loop, self._silent)
        self._progress: Timer | None = None  # runs while the client does not take what is written
        self._unsent = 0
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._decoder: Decoder | None = None  # reads the body that is arriving
        self._ahead = bytearray()  # what is not parsed: part of a head, or further requests
        self._held = False  # reading is paused
        self._full = False  # writing should be
        self._out: list[bytes] = []  # what is written within one pass of the event loop
        self._out_size = 0
        self._feeder: Callable[[bool], None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._ended = False  # the client sends no more
        self._probed = False
        self._lingering = False
        self._idle = server.limits.idle
        self._closing = False  # no further request is read
        self.peer = ""
        self.tls = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_AHEAD, low=0)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self.tls = transport.get_extra_info("ssl_object") is not None
        self._server.connections.add(self)
        self._timer.set(self._server.limits.keep_alive)

    def data_received(self, data: bytes) -> None:
        if self._decoder is not None:
            self._timer.set(self._idle)
            self._body(data)
        elif self._exchange is not None:
            self._ahead += data
            if len(self._ahead) > LARGEST_AHEAD:
                self._hold(True)
        elif not self._closing:
            self._head(data)

    def eof_received(self) -> bool:
        """The client sends no more; it may still want the answer to what it has sent."""
        self._ended = True
        if self._decoder is not None and isinstance(self._decoder, Endless):
            self._complete()
            return True
        if self._exchange is None or self._decoder is not None or self.tls:
            return False  # nothing to answer, or half a request
        self._timer.set(self._server.limits.probe)
        return True

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._server.connections.discard(self)
        self._timer.close()
        if self._progress is not None:
            self._progress.close()
        self._closing = True
        self._decoder = None
        self._feeder = None
        wake(self._drained)
        wake(self._gone)
        exchange = self._exchange
        if exchange is not None:
            exchange.gone = True
            exchange.body.fail(BodyError(400, "the client has hung up"))
            if self._task is not None and not exchange.finished:
                self._task.cancel()

    def pause_writing(self) -> None:
        self._full = True
        self._unsent = self.transport.get_write_buffer_size()
        if self._progress is None:
            self._progress = Timer(self._loop, self._stuck)
        self._progress.set(self._idle)
        if self._feeder is not None:
            self._feeder(True)

    def resume_writing(self) -> None:
        self._full = False
        if self._progress is not None:
            self._progress.clear()
        if self._feeder is not None:
            self._feeder(False)
        wake(self._drained)

    @property
    def busy(self) -> bool:
        """A request is being answered."""
        return self._exchange is not None

    @property
    def last(self) -> bool:
        """No request is read after this one."""
        return self._closing or self._server.closing or (self._ended and not self._ahead)

    # What exchanges call.

    def write(self, data: bytes) -> None:
        """Send, together with what else is written before the event loop goes on."""
        out = self._out
        if not out:
            self._loop.call_soon(self.flush)
        out.append(data)
        self._out_size += len(data)
        if self._out_size > WRITE_TOGETHER:
            self.flush()

    def flush(self) -> None:
        out = self._out
        if not out:
            return
        self._out, self._out_size = [], 0
        if len(out) == 1:
            self.transport.write(out[0])
        else:
            self.transport.writelines(out)

    def write_eof(self) -> None:
        self.flush()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()

    async def drain(self) -> None:
        self.flush()
        if self._full and not self.transport.is_closing():
            self._drained = self._loop.create_future()
            await self._drained

    async def disconnected(self) -> None:
        if self._gone is None:
            self._gone = self._loop.create_future()
        await asyncio.shield(self._gone)

    def feed_from(self, pause: Callable[[bool], None] | None) -> None:
        self._feeder = pause
        if self._full and pause is not None:
            pause(True)

    def limit(self, idle: float) -> None:
        self._idle = idle
        if self._decoder is not None and not self._held:
            self._timer.set(idle)

    def switch(self) -> Body:
        """From now on the client's bytes are those of a tunnel."""
        assert self._exchange is not None
        self._closing = True
        self._decoder = Endless()
        body = self._exchange.body = Body(self._hold)
        if self._ahead:
            ahead, self._ahead = bytes(self._ahead), bytearray()
            self._body(ahead)
        if self._ended:
            self._complete()
        return body

    def ended(self, exchange: Exchange) -> None:
        """The answer is written to its end."""
        if exchange is not self._exchange:
            return
        self.flush()
        self._exchange = self._task = self._feeder = None
        self._idle = self._server.limits.idle
        if exchange.upgraded:
            self.transport.close()
        elif not exchange.body.complete:
            self._linger()
        elif not exchange.keep_alive or self.last:
            self._close()
        else:
            self._next()

    def reset(self) -> None:
        """Cut the connection, so that nobody takes what was sent for complete."""
        self._closing = True
        opened = self.transport.get_extra_info("socket")
        if opened is not None and not self.transport.is_closing():
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.transport.abort()

    def close_if_idle(self) -> None:
        if self._exchange is None and not self._ahead:
            self.transport.close()

    # Heads.

    def _head(self, data: bytes) -> None:
        searched = 0
        if self._ahead:
            searched = len(self._ahead)
            self._ahead += data
            data = bytes(self._ahead)
        if data.startswith(b"\r\n"):  # empty lines before a request (RFC 9112, section 2.2)
            data, searched = EMPTY_LINES.sub(b"", data, count=1), 0
            if not data:
                self._ahead.clear()
                return
        end = data.find(b"\r\n\r\n", max(0, searched - 3))
        try:
            if end < 0 or end > LARGEST_HEAD:
                self._partial(data, searched)
                return
            head = parse_request(data[:end])
        except BadRequestError as error:
            self._refuse(error)
            return
        self._ahead.clear()
        self._begin(head, data[end + 4 :])

    def _partial(self, data: bytes, searched: int) -> None:
        """Half a head: wait for the rest of it, unless it is wrong already."""
        if len(data) > LARGEST_HEAD:
            line = b"\r\n" in data[:LARGEST_HEAD]
            raise BadRequestError(
                431 if line else 414, f"the head of a request has at most {LARGEST_HEAD} bytes"
            )
        if BARE_LF.search(data, searched) or data[searched:].translate(None, LINE_BYTES):
            raise BadRequestError(400, "a control character, or a line that does not end in CR LF")
        if not self._ahead:
            self._timer.set(self._server.limits.head)
        self._ahead[:] = data

    def _begin(self, head: RequestHead, rest: bytes) -> None:
        self._timer.clear()
        expects = head.expects_continue and head.length != 0 and not rest
        body = Body(self._hold, self._continue if expects else None)
        exchange = self._exchange = Exchange(self, head, body)
        if head.length == 0:
            body.complete = True
            if rest:
                self._ahead += rest
        else:
            self._decoder = Chunked() if head.length == CHUNKED else Counted(head.length)
            self._timer.set(self._idle)
            if rest:
                self._body(rest)
        overloaded = self._server.overloaded
        if overloaded is not None and (refusal := overloaded()) is not None:
            exchange.reply(503, *refusal)
        else:
            self._task = self._loop.create_task(self._handle(exchange))

    def _next(self) -> None:
        """Read the next request, which may have come already."""
        if self._held:
            self._hold(False)
        if not self._ahead:
            self._timer.set(self._server.limits.keep_alive)
            return
        data, self._ahead = bytes(self._ahead), bytearray()
        self._head(data)
        if self._ended and self._exchange is None:
            self.transport.close()

    async def _handle(self, exchange: Exchange) -> None:
        status, detail = 500, "a fault of the balancer, see its log"
        try:
            await self._server.handler(exchange)
        except asyncio.CancelledError:
            if not exchange.gone:
                exchange.abort()
                raise
        except BodyError as error:
            status, detail = error.status, error.detail
        except Exception:
            if not exchange.gone:
                log.exception("a request could not be handled")
        finally:
            if not exchange.finished:
                self._abandon(exchange, status, detail)

    def _abandon(self, exchange: Exchange, status: int, detail: str) -> None:
        """The handler has left without an answer, or in the middle of one."""
        if exchange.responded or exchange.gone:
            exchange.abort()
        else:
            content_type = (b"Content-Type", MEDIA_TYPE.encode())
            exchange.reply(status, [content_type], details(status, detail))

    # Bodies.

    def _body(self, data: bytes) -> None:
        assert self._decoder is not None
        assert self._exchange is not None
        body = self._exchange.body
        try:
            piece, rest = self._decoder.feed(data)
        except FramingError as error:
            self._decoder = None
            self._closing = True
            body.fail(BodyError(400, str(error)))
            return
        if piece:
            body.feed(piece)
        if rest is not None:
            self._ahead += rest
            self._complete()

    def _complete(self) -> None:
        assert self._exchange is not None
        self._decoder = None
        self._timer.clear()
        self._exchange.body.end()

    def _continue(self) -> None:
        if self._exchange is not None and not self._exchange.responded:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hold(self, hold: bool) -> None:
        if hold == self._held or self.transport.is_closing():
            return
        self._held = hold
        if hold:
            self.transport.pause_reading()
            if self._decoder is not None:
                self._timer.clear()
        else:
            self.transport.resume_reading()
            if self._decoder is not None:
                self._timer.set(self._idle)

    # Ends.

    def _refuse(self, error: BadRequestError) -> None:
        """Answer what cannot be read, and close."""
        self._server.log_refused(self.peer, error)
        self._ahead.clear()
        body = details(error.status, error.detail)
        headers = [
            (b"Content-Type", MEDIA_TYPE.encode()),
            (b"Content-Length", b"%d" % len(body)),
            (b"Connection", b"close"),
        ]
        line = b"HTTP/1.1 %d %b" % (error.status, REASONS[error.status])
        self.flush()
        self.transport.write(render(line, headers, b"") + body)
        self._linger()

    def _linger(self) -> None:
        """Close, but let the client read the answer before it finds that nobody reads it.

        Closing with bytes of the client unread resets the connection, and may take the answer
        with it: so read on for a while, and drop what comes (RFC 9112, section 9.6).
        """
        self._closing = True
        self._decoder = None
        if self._ended:
            self.transport.close()
            return
        self._lingering = True
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self._hold(False)
        self._timer.set(self._server.limits.linger)

    def _close(self) -> None:
        if self._ahead:
            self._ahead.clear()
            self._linger()
        else:
            self.transport.close()

    def _silent(self) -> None:
        """Nothing has come for too long."""
        exchange = self._exchange
        if exchange is not None and self._decoder is not None:
            self._decoder = None
            self._closing = True
            exchange.body.fail(BodyError(408, f"no byte of the body for {self._idle:g} s"))
        elif exchange is not None and self._ended:
            self._probe(exchange)
        elif self._ahead and not self._lingering:
            self._refuse(
                BadRequestError(408, f"no whole head within {self._server.limits.head:g} s")
            )
        else:
            self.transport.close()

    def _probe(self, exchange: Exchange) -> None:
        """Find out whether a client that sends no more has gone, or waits for its answer.

        Both look alike until something is sent: then the system of a client that has gone
        resets the connection.  Before an answer has begun, an interim one does no harm.
        """
        if self._reset_by_peer():
            self.transport.abort()
            return
        if not self._probed:
            self._probed = True
            exchange.inform(100, b"Continue", [])
        self._timer.set(LOOK_AGAIN)

    def _reset_by_peer(self) -> bool:
        """The system knows it; the event loop no longer watches once the client's end was read."""
        opened = self.transport.get_extra_info("socket")
        events = select.poll()
        events.register(opened.fileno(), 0)
        return bool(events.poll(0))

    def _stuck(self) -> None:
        """The client has had time to take what was written."""
        assert self._progress is not None
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent = unsent
            self._progress.set(self._idle)
        else:
            self.reset()
