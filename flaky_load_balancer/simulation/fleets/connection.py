"""One HTTP connection to a flaky server: parse, ask what happens, act it out.

Answers leave in the order of their requests, also when several were sent at once: while one is
delayed the others queue, and a client that sends too many of them is no longer read.
"""

import asyncio
import socket
import struct
from collections import deque
from http import HTTPStatus
from typing import ClassVar, NamedTuple, cast

import httptools
import orjson

from flaky_load_balancer.simulation.fleets.servers import Fault

LARGEST_BODY = 4096  # bytes
SIZE = b"x-flb-size"
MOST_QUEUED = 64  # requests of one connection
SHORTEST_DELAY = 0.0005  # seconds: the loop's timers count milliseconds
GARBAGE = b"\x00\xff\xfegarbage, not HTTP\r\n\r\n" + bytes(range(256))
CUT = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset


class Answer(NamedTuple):
    """What a server does about one attempt."""

    payload: bytes
    delay: float  # seconds
    fault: Fault = Fault.NONE


class Request(NamedTuple):
    """What a client sent."""

    method: bytes
    target: bytes
    keep: bool  # the connection
    body: bytes = b""
    size: float | None = None  # tokens, as the client says
    refusal: bytes = b""  # the answer to what cannot be understood


def http(status: HTTPStatus, body: dict[str, object], *headers: str) -> bytes:
    """A whole answer with a JSON body."""
    content = orjson.dumps(body) + b"\n"
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def refusal(status: HTTPStatus, *headers: str) -> bytes:
    return http(status, {"error": status.phrase}, *headers)


TOO_LARGE = refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Connection: close")
NOT_HTTP = refusal(HTTPStatus.BAD_REQUEST, "Connection: close")


class Connection(asyncio.Protocol):
    """The server's side of one connection: what is answered is for subclasses to say."""

    largest: ClassVar = LARGEST_BODY

    def __init__(self, connections: set["Connection"]) -> None:
        """``connections`` are those of the server that are open."""
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Request] = deque()
        self._busy = False  # an answer is due later, or never
        self._closing = False
        self._deaf = False  # what else arrives is not read
        self._paused = False
        self._target = b""
        self._body = b""
        self._size: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._closing = True
        self._connections.discard(self)
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # we speak nothing else: the answer was, or will be, the last
        except httptools.HttpParserError:
            self._refuse(NOT_HTTP)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    # httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._body = b""
        self._size = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == len(SIZE) and name.lower() == SIZE and value.isdigit():
            self._size = float(value)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self.largest:
            self._refuse(TOO_LARGE)

    def on_message_complete(self) -> None:
        parser = self._parser
        keep = parser.should_keep_alive() and not parser.should_upgrade()
        if not self._deaf:
            self._take(Request(parser.get_method(), self._target, keep, self._body, self._size))

    # Acting

    def abort(self) -> None:
        """Cut the connection: what the client sees of a server that went down."""
        self._closing = True
        connection: socket.socket | None = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CUT)
        self._transport.abort()

    def _refuse(self, refusal: bytes) -> None:
        """Answer what came before, then this, and nothing after it."""
        if not self._deaf:
            self._deaf = True
            self._take(Request(b"", b"", False, refusal=refusal))

    def _take(self, request: Request) -> None:
        if not self._busy:
            self._answer(request)
            return
        self._queue.append(request)
        if len(self._queue) >= MOST_QUEUED and not self._paused and not self._closing:
            self._paused = True
            self._transport.pause_reading()

    def _answer(self, request: Request) -> None:
        """Do what is due about one request; nothing else is under way."""
        if self._closing:
            return
        if request.refusal:
            self._finish(request.refusal)
        else:
            self._do(request)

    def _do(self, request: Request) -> None:
        """Answer a request that was understood, now or later."""
        raise NotImplementedError

    def _act(self, answer: Answer, keep: bool) -> None:
        match answer.fault:
            case Fault.NONE if answer.delay < SHORTEST_DELAY:
                self._write(answer.payload, keep)
            case Fault.NONE:
                self._busy = True
                self._timer = self._loop.call_later(
                    answer.delay, self._write_late, answer.payload, keep
                )
            case Fault.HANG:
                self._busy = True
            case Fault.GARBAGE:
                self._finish(GARBAGE)
            case _:
                self.abort()

    def _write(self, payload: bytes, keep: bool) -> None:
        if keep:
            self._transport.write(payload)
        else:
            self._finish(payload)

    def _write_late(self, payload: bytes, keep: bool) -> None:
        self._busy = False
        self._write(payload, keep)
        while self._queue and not self._busy:
            self._answer(self._queue.popleft())
        if self._paused and len(self._queue) < MOST_QUEUED and not self._closing:
            self._paused = False
            self._transport.resume_reading()

    def _finish(self, payload: bytes) -> None:
        """The last answer on this connection."""
        if not self._closing:
            self._closing = True
            self._transport.write(payload)
            self._transport.close()
