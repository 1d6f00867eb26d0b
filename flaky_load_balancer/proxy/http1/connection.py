"""The connection of a client: requests in, one after the other, and their answers out."""

import asyncio
import logging
import select
import socket
import struct
from typing import TYPE_CHECKING, Protocol, cast

from flaky_load_balancer.proxy.http1.body import Body, wake
from flaky_load_balancer.proxy.http1.exchange import REASONS, Exchange
from flaky_load_balancer.proxy.http1.failures import BadRequestError, BodyError
from flaky_load_balancer.proxy.http1.framing import (
    Chunked,
    Counted,
    Decoder,
    Endless,
    FramingError,
)
from flaky_load_balancer.proxy.http1.head import CHUNKED, RequestHead, render
from flaky_load_balancer.proxy.http1.outgoing import Outgoing
from flaky_load_balancer.proxy.http1.reading import HeadReader
from flaky_load_balancer.proxy.http1.timer import Timer
from flaky_load_balancer.proxy.problems import MEDIA_TYPE, details

if TYPE_CHECKING:
    from flaky_load_balancer.proxy.http1.server import HttpServer

LARGEST_AHEAD = 65536  # bytes of further requests that wait for the answer to one before them
LOOK_AGAIN = 0.1  # seconds between looks whether a client has gone that sends no more
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CONTENT_TYPE = b"Content-Type", MEDIA_TYPE.encode()
log = logging.getLogger(__name__)


class Visitor(Protocol):
    """Somebody who asks to be let in.  One of both is called, now or later."""

    def enter(self) -> None: ...
    def refuse(self) -> None: ...


class ServerConnection(asyncio.Protocol):
    """One client.

    ``early`` was read before the connection was opened, which was because it was ``let_in``.
    """

    __slots__ = (
        "_ahead",
        "_asked",
        "_closing",
        "_decoder",
        "_ended",
        "_exchange",
        "_gone",
        "_held",
        "_let_in",
        "_lingering",
        "_loop",
        "_probed",
        "_reader",
        "_server",
        "_task",
        "_timer",
        "out",
        "peer",
        "tls",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: "HttpServer", early: bytes = b"", *, let_in: bool = False) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._timer = Timer(self._loop, self._silent)
        self._reader = HeadReader()
        self._asked: tuple[RequestHead, bytes] | None = None  # waits to be let in
        self._let_in = let_in  # with its first request
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._decoder: Decoder | None = None  # reads the body that is arriving
        self._ahead = early  # further requests, which came before the answer to this one
        self._held = False  # reading is paused
        self._gone: asyncio.Future[None] | None = None
        self._ended = False  # the client sends no more
        self._probed = False
        self._lingering = False
        self._closing = False  # no further request is read
        self.out = Outgoing(self._loop, self.reset, server.limits.idle)
        self.peer = ""
        self.tls = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.out.start(self.transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self.tls = transport.get_extra_info("ssl_object") is not None
        self._server.connections.add(self)
        self._timer.set(self._server.limits.keep_alive)
        if self._ahead:
            self._next()
        if self._let_in:  # no whole request came
            self._let_in = False
            self.withdraw()

    def data_received(self, data: bytes) -> None:
        if self._decoder is not None:
            self._timer.set(self.out.idle)
            self._body(data)
        elif self.busy or self._ahead:
            self._ahead += data
            if len(self._ahead) > LARGEST_AHEAD:
                self._hold(True)
        elif not self._closing:
            self._head(data)

    def eof_received(self) -> bool:
        """The client sends no more; it may still want the answer to what it has sent."""
        self._ended = True
        if isinstance(self._decoder, Endless):
            self._complete()
            return True
        if not self.busy or self._decoder is not None or self.tls:
            return False  # nothing to answer, or half a request
        if self._asked is not None:
            self._probe()  # at once: nobody else should wait for one who has gone
        else:
            self._timer.set(self._server.limits.probe)
        return True

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._server.connections.discard(self)
        self._timer.close()
        self.out.close()
        self._closing = True
        self._decoder = None
        wake(self._gone)
        exchange = self._exchange
        if exchange is not None:
            exchange.gone = True
            exchange.body.fail(BodyError(400, "the client has hung up"))
            if self._task is not None and not exchange.finished:
                self._task.cancel()
        self.withdraw()

    def pause_writing(self) -> None:
        self.out.pause()

    def resume_writing(self) -> None:
        self.out.resume()

    # What the server and exchanges call.

    @property
    def busy(self) -> bool:
        """A request is being answered, or waits for that."""
        return self._exchange is not None or self._asked is not None

    @property
    def last(self) -> bool:
        """No request is read after this one."""
        return self._closing or self._server.closing or (self._ended and not self._ahead)

    async def disconnected(self) -> None:
        if self._gone is None:
            self._gone = self._loop.create_future()
        await asyncio.shield(self._gone)

    def limit(self, idle: float) -> None:
        self.out.idle = idle
        if self._decoder is not None and not self._held:
            self._timer.set(idle)

    def switch(self) -> Body:
        """From now on the client's bytes are those of a tunnel."""
        assert self._exchange is not None
        self._closing = True
        self._decoder = Endless()
        body = self._exchange.body = Body(self._hold)
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            self._body(ahead)
        if self._ended:
            self._complete()
        return body

    def ended(self, exchange: Exchange) -> None:
        """The answer is written to its end."""
        if exchange is not self._exchange:
            return
        self.out.flush()
        self.out.feed_from(None)
        self.out.idle = self._server.limits.idle
        self._exchange = self._task = None
        if exchange.upgraded:
            self.transport.close()
        elif not exchange.body.complete or ((self.last or not exchange.keep_alive) and self._ahead):
            self._linger()
        elif self.last or not exchange.keep_alive:
            self.transport.close()
        else:
            self._go_on()

    def withdraw(self) -> None:
        """It does not wait to be let in any more, and needs no place."""
        if self._server.admission is not None:
            self._server.admission.forget(self)

    def reset(self) -> None:
        """Cut the connection, so that nobody takes what was sent for complete."""
        self._closing = True
        opened = self.transport.get_extra_info("socket")
        if opened is not None and not self.transport.is_closing():
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def close_if_idle(self) -> None:
        if not self.busy and not self._ahead and not self._reader.begun:
            self.transport.close()

    # Requests.

    def _head(self, data: bytes) -> None:
        begun = self._reader.begun
        try:
            found = self._reader.feed(data)
        except BadRequestError as error:
            self._refuse(error)
            return
        if found is not None:
            self._begin(*found)
        elif not begun and self._reader.begun:
            self._timer.set(self._server.limits.head)

    def _begin(self, head: RequestHead, rest: bytes) -> None:
        self._timer.clear()
        self._asked = head, rest
        if self._let_in or self._server.admission is None:
            self._let_in = False
            self.enter()
        else:
            self._server.admission.ask(self)

    # What the admission calls.

    def enter(self) -> None:
        self._task = self._loop.create_task(self._handle(self._started()))

    def refuse(self) -> None:
        """Answer 503; almost always without as much as an exchange for it."""
        assert self._asked is not None
        assert self._server.admission is not None
        refusal = self._server.admission.refusal()
        head, rest = self._asked
        if _is_plain(head) and head.length <= len(rest) and not self.last:
            self._asked = None
            self._ahead = rest[head.length :] + self._ahead
            self.out.write_now(refusal.whole(last=False))
            self._go_on()
        else:
            self._started().reply(503, refusal.headers, refusal.body)

    def _started(self) -> Exchange:
        """The request that waited, and as much of its body as has come."""
        assert self._asked is not None
        head, rest = self._asked
        self._asked = None
        rest, self._ahead = rest + self._ahead, b""
        self._hold(False)
        expects = head.expects_continue and head.length != 0 and not rest
        body = Body(self._hold, self._continue if expects else None)
        exchange = self._exchange = Exchange(self, head, body)
        if head.length == 0:
            body.complete = True
            self._ahead = rest
        else:
            self._decoder = Chunked() if head.length == CHUNKED else Counted(head.length)
            self._timer.set(self.out.idle)
            if rest:
                self._body(rest)
            if self._ended and self._decoder is not None:
                self.transport.close()  # half a request
        return exchange

    def _go_on(self) -> None:
        """With the next request, if it is there."""
        if self._ahead:
            self._loop.call_soon(self._next)
        else:
            self._timer.set(self._server.limits.keep_alive)

    def _next(self) -> None:
        """Read the request that came before the answer to the one before it."""
        if self.busy or self.transport.is_closing():
            return
        self._hold(False)
        data, self._ahead = self._ahead, b""
        self._head(data)
        if self._ended and not self.busy and not self._lingering:
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
            if exchange.responded or exchange.gone:
                exchange.abort()  # unless it is finished
            elif not exchange.finished:
                exchange.reply(status, [CONTENT_TYPE], details(status, detail))

    # Bodies.

    def _body(self, data: bytes) -> None:
        assert self._decoder is not None
        assert self._exchange is not None
        body = self._exchange.body
        try:
            piece, rest = self._decoder.feed(data)
        except FramingError as error:
            self._break(BodyError(400, str(error)))
            return
        if piece:
            body.feed(piece)
        if rest is not None:
            self._ahead = rest
            self._complete()

    def _complete(self) -> None:
        assert self._exchange is not None
        self._decoder = None
        self._timer.clear()
        self._exchange.body.end()

    def _break(self, error: BodyError) -> None:
        """The body will not come to its end, nor will another request."""
        assert self._exchange is not None
        self._decoder = None
        self._closing = True
        self._exchange.body.fail(error)

    def _continue(self) -> None:
        if self._exchange is not None:
            self._exchange.inform(100, b"Continue", [])
        elif self._asked is not None and self._asked[0].minor:
            self.out.write(CONTINUE)

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
                self._timer.set(self.out.idle)

    # Ends.

    def _refuse(self, error: BadRequestError) -> None:
        """Answer what cannot be read, and close."""
        self._server.log_refused(self.peer, error)
        body = details(error.status, error.detail)
        line = b"HTTP/1.1 %d %b" % (error.status, REASONS[error.status])
        last = b"Content-Length: %d\r\nConnection: close\r\n" % len(body)
        self.out.write_now(render(line, [CONTENT_TYPE], last) + body)
        self._linger()

    def _linger(self) -> None:
        """Close, but let the client read the answer before it finds that nobody reads it.

        Closing with bytes of the client unread resets the connection, and may take the answer
        with it: so read on for a while, and drop what comes (RFC 9112, section 9.6).
        """
        self._closing = True
        self._decoder = None
        self._ahead = b""
        if self._ended:
            self.transport.close()
            return
        self._lingering = True
        if self.transport.can_write_eof():
            self.out.end()
        self._hold(False)
        self._timer.set(self._server.limits.linger)

    def _silent(self) -> None:
        """Nothing has come for too long."""
        if self._exchange is not None and self._decoder is not None:
            self._break(BodyError(408, f"no byte of the body for {self.out.idle:g} s"))
        elif self.busy and self._ended:
            self._probe()
        elif self._reader.begun and not self._lingering:
            limit = self._server.limits.head
            self._refuse(BadRequestError(408, f"no whole head within {limit:g} s"))
        else:
            self.transport.close()

    def _probe(self) -> None:
        """Find out whether a client that sends no more has gone, or waits for its answer.

        Both look alike until something is sent: then the system of a client that has gone
        resets the connection.  Before an answer has begun, an interim one does no harm.
        """
        if _was_reset(self.transport):
            self.transport.abort()
            return
        if not self._probed:
            self._probed = True
            self._continue()
        self._timer.set(LOOK_AGAIN)


def _is_plain(head: RequestHead) -> bool:
    """Its end is where its length says, and another request may follow."""
    modern = head.minor and head.keep_alive and not head.expects_continue
    return bool(modern) and head.length >= 0 and head.method != b"HEAD"


def _was_reset(transport: asyncio.Transport) -> bool:
    """The system knows; the event loop no longer watches once the end of the input was read."""
    events = select.poll()
    events.register(transport.get_extra_info("socket").fileno(), 0)
    return bool(events.poll(0))
