"""The connections to servers: one request at a time goes out, its answer comes back."""

import asyncio
import select
import socket
import sys
from collections.abc import Callable
from typing import cast

from flaky_load_balancer.proxy.http1.body import Body
from flaky_load_balancer.proxy.http1.failures import Reason, UpstreamError, reason_of
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
    UNTIL_CLOSE,
    AnswerHead,
    Headers,
    NotHttpError,
    lenient_head_end,
    parse_answer,
    render,
)
from flaky_load_balancer.proxy.http1.outgoing import Outgoing
from flaky_load_balancer.proxy.http1.timer import Timer

MOST_INTERIM = 100  # interim answers to one request
FIRST_BYTE, IDLE = 10.0, 30.0  # seconds

Inform = Callable[[AnswerHead], None]


def acknowledged(opened: socket.socket) -> int | None:
    """Bytes that the system of the peer has confirmed, where this system says (Linux)."""
    if sys.platform != "linux":
        return None
    try:
        known = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
    except OSError:
        return None
    return int.from_bytes(known[120:128], sys.byteorder) if len(known) == 128 else None


class ClientConnection(asyncio.Protocol):
    """One connection to a server.

    A request is ``send``, and where its body follows ``write`` and ``end``: a sink for the body
    of a client's request.  Then ``await answer()`` and ``body``.  What breaks is an UpstreamError.
    ``release`` in the end, whatever happened: the connection is kept if it is clean.
    """

    __slots__ = (
        "_acknowledged",
        "_answer",
        "_chunked",
        "_decoder",
        "_first_byte",
        "_held",
        "_idle",
        "_interim",
        "_keep",
        "_loop",
        "_method",
        "_news",
        "_pending",
        "_raw",
        "_sending",
        "_socket",
        "_timer",
        "_upgrade",
        "body",
        "head",
        "idle",
        "inform",
        "lost",
        "out",
        "reused",
        "sent",
        "since",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, opened: socket.socket, keep: "Callable[[ClientConnection], None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = opened  # asked directly: uvloop makes another one for each question
        self._keep = keep  # takes back a connection that can be used again
        self._timer = Timer(self._loop, self._silent)
        self.out = Outgoing(self._loop, self._stuck, IDLE)
        self.lost = False
        self.since = 0.0  # idle since, on the loop's clock
        self.reused = 0  # requests before this one
        self.idle = False  # nobody uses it
        self._reset()

    def _reset(self) -> None:
        """Ready for the next request."""
        self.head: AnswerHead | None = None  # of the answer, once it is there
        self.body = Body(self._hold)
        self.sent = False  # some of the request may have reached the server
        self.inform: Inform | None = None  # takes interim answers (1xx) that are to be passed on
        self._answer: asyncio.Future[AnswerHead] | None = None
        self._decoder: Decoder | None = None
        self._pending = bytearray()  # a part of a head
        self._interim = 0
        self._acknowledged: int | None = None  # bytes, before this request
        self._method = b""
        self._upgrade = False
        self._raw = False
        self._chunked = False
        self._sending = False  # the body of the request is not complete
        self._held = False
        self.out.feed_from(None)
        self._first_byte = FIRST_BYTE
        self._idle = self.out.idle = IDLE

    # A request.

    def limit(self, first_byte: float, idle: float) -> None:
        """Seconds from the end of the request to the answer's head, and between bytes.

        In the middle of an answer the next byte is due so many seconds from now.
        """
        self._first_byte = first_byte
        self._idle = self.out.idle = idle
        self._await_more()

    def send(
        self,
        method: bytes,
        target: bytes,
        headers: Headers,
        length: int | None = 0,
        body: bytes | None = None,
    ) -> None:
        """The head of a request, and its body if that is there; else ``write`` and ``end`` follow.

        ``headers`` include Host; what frames the body is added here.  ``length`` is that of the
        body in bytes, or None if it is not known.
        """
        self._method = method
        self._answer = self._loop.create_future()
        if self.lost:
            self._fail(Reason.CLOSED, "the server closed the connection before it was used")
            return
        self.sent = True
        if self.reused:
            self._acknowledged = acknowledged(self._socket)
        self._upgrade = b"upgrade" in [name.lower() for name, _ in headers]
        last = b"Connection: Upgrade\r\n" if self._upgrade else b""
        if body is not None:
            length = len(body)
        if length is None:
            self._chunked = True
            last += b"Transfer-Encoding: chunked\r\n"
        elif length or method in {b"POST", b"PUT", b"PATCH"}:
            last += b"Content-Length: %d\r\n" % length
        self._sending = length != 0 and body is None
        head = render(b"%b %b HTTP/1.1" % (method, target), headers, last)
        if self._sending:
            self.out.write(head)
        else:
            self.out.write_now(head + body if body else head)
            self._timer.set(self._first_byte)

    def write(self, data: bytes) -> None:
        """Some of the request's body, or of a tunnel."""
        if self.lost or not data:
            return
        if self._chunked:
            self.out.write_chunk(data)
        else:
            self.out.write(data)

    def end(self) -> None:
        """The request's body is complete, or this direction of a tunnel."""
        if self.lost:
            return
        if self._raw:
            self.out.end()
            return
        if not self._sending:
            return
        if self._chunked:
            self.out.write(b"0\r\n\r\n")
        self._sending = False
        if self.head is None:
            self._timer.set(self._first_byte)
        else:
            self._await_more()

    def fail(self, error: Exception) -> None:
        """The request's body will not be completed: nobody can answer."""
        self._break_off(error)

    def feed_from(self, pause: Callable[[bool], None] | None) -> None:
        self.out.feed_from(pause)

    def answer(self) -> "asyncio.Future[AnswerHead]":
        """The head of the final answer."""
        assert self._answer is not None
        return self._answer

    def release(self) -> None:
        """This request is over: keep the connection, or close it if anything is open."""
        if self.idle:
            return
        self.idle = True
        if self.clean:
            self.reused += self.sent
            self._timer.clear()
            self._reset()
            self._keep(self)
        else:
            self.close()

    @property
    def clean(self) -> bool:
        """Unused, or the answer was read to its end and the server keeps the connection open."""
        head = self.head
        if self.lost or head is None:
            return not self.lost and not self.sent
        return head.keep_alive and self.body.complete and not self._sending and not self._raw

    @property
    def quiet(self) -> bool:
        """Nothing has come while it was idle; what comes then is the end of the connection.

        The event loop may not have seen that yet, so the system is asked: a request on a
        connection that the server has closed would fail for nothing.
        """
        return not self.lost and not self._news.poll(0)

    def close(self) -> None:
        """At once: what is under way is lost."""
        self.lost = True
        self._timer.close()
        self.transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.out.start(self.transport)
        self._news = select.poll()
        self._news.register(self._socket.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if self._decoder is not None:
            self._await_more()
            self._body(data)
        elif self._answer is None or self.head is not None:
            self._spoil()
        else:
            self._read_head(data)

    def eof_received(self) -> bool:
        if isinstance(self._decoder, Endless):
            self._complete()
            return self._raw
        self._fail(Reason.CLOSED, "the server closed the connection before its answer was whole")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._timer.close()
        self.out.close()
        if error is None:
            self._fail(Reason.CLOSED, "the connection was closed")
        else:
            self._fail(reason_of(error), str(error) or type(error).__name__)

    def pause_writing(self) -> None:
        self.out.pause()

    def resume_writing(self) -> None:
        self.out.resume()

    # The answer.

    def _read_head(self, data: bytes) -> None:
        if self._pending:
            self._pending += data
            data = bytes(self._pending)
            self._pending.clear()
        while True:
            if data.startswith((b"\r\n", b"\n")):
                data = data.lstrip(b"\r\n")
            end = lenient_head_end(data)
            if end is None or end[0] > LARGEST_HEAD:
                if len(data) > LARGEST_HEAD:
                    self._fail(Reason.NOT_HTTP, "the head of the answer does not end")
                self._pending += data
                return
            try:
                head = parse_answer(data[: end[0]], self._method)
            except NotHttpError as error:
                self._fail(Reason.NOT_HTTP, str(error))
                return
            data = data[end[1] :]
            if head.status >= 200 or head.status == 101:
                self._answered(head, data)
                return
            if not self._interim_answer(head) or not data:
                return

    def _interim_answer(self, head: AnswerHead) -> bool:
        """Take a 1xx; whether to read on."""
        self._interim += 1
        if self._interim > MOST_INTERIM:
            self._fail(Reason.NOT_HTTP, "interim answers without end")
            return False
        if head.status != 100 and self.inform is not None:
            self.inform(head)
        return True

    def _answered(self, head: AnswerHead, rest: bytes) -> None:
        if head.status == 101 and not self._upgrade:
            self._fail(Reason.NOT_HTTP, "101 without having been asked to switch protocols")
            return
        self.head = head
        self._raw = head.status == 101
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(head)
        if self._raw or head.length == UNTIL_CLOSE:
            self._decoder = Endless()
            self._chunked = self._chunked and not self._raw
        elif head.length == CHUNKED:
            self._decoder = Chunked(lenient=True)
        elif head.length:
            self._decoder = Counted(head.length)
        else:
            self._complete()
            if rest:
                self._spoil()
            return
        self._await_more()
        if rest:
            self._body(rest)

    def _body(self, data: bytes) -> None:
        assert self._decoder is not None
        try:
            piece, rest = self._decoder.feed(data)
        except FramingError as error:
            self._fail(Reason.NOT_HTTP, str(error))
            return
        if piece:
            self.body.feed(piece)
        if rest is not None:
            self._complete()
            if rest:
                self._spoil()

    def _complete(self) -> None:
        self._decoder = None
        self._timer.clear()
        self.body.end()

    def _spoil(self) -> None:
        """Bytes that nobody asked for: they change nothing but end the connection."""
        self.close()

    def _hold(self, hold: bool) -> None:
        if hold == self._held or self.lost:
            return
        self._held = hold
        if hold:
            self.transport.pause_reading()
            self._timer.clear()
        else:
            self.transport.resume_reading()
            self._await_more()

    def _await_more(self) -> None:
        """The next byte of the answer's body is due; not while the request's is on its way."""
        if self._decoder is not None and not self._sending and not self._held:
            self._timer.set(self._idle)

    # Trouble.

    def _fail(self, reason: Reason, detail: str) -> None:
        ignored = reason is not Reason.TIMEOUT and self._ignored()
        self._break_off(UpstreamError(reason, detail, sent=self.sent and not ignored))

    def _ignored(self) -> bool:
        """The server had closed a connection that was idle before the request reached it.

        Silence says nothing of the kind: the request may have arrived, and its receipt be lost.
        """
        before = self._acknowledged
        return before is not None and before == acknowledged(self._socket)

    def _break_off(self, error: Exception) -> None:
        self._decoder = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
            self._answer.exception()  # whoever waited for it may have gone
        self.body.fail(error)
        if not self.lost:
            self.close()

    def _silent(self) -> None:
        if self.head is None and not self._sending:
            self._fail(Reason.TIMEOUT, f"no answer within {self._first_byte:g} s")
        else:
            self._fail(Reason.TIMEOUT, f"no byte for {self._idle:g} s")

    def _stuck(self) -> None:
        self._fail(Reason.TIMEOUT, f"the server read nothing for {self._idle:g} s")
