"""A server of ours on a free port, clients that send raw bytes, and servers that answer them."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flaky_load_balancer.proxy.http1 import (
    Client,
    ClientConnection,
    Exchange,
    HttpServer,
    Limits,
    Listener,
    Refusal,
    UpstreamError,
    Visitor,
    answer_length,
    body_length,
    end_to_end,
    relay,
    tunnel,
)

HOST = "127.0.0.1"
WAIT = 30.0  # seconds: a test that waits for longer has failed

Handler = Callable[[Exchange], Awaitable[None]]
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Overloaded:
    """Refuses everybody at once, as long as it is ``busy``."""

    def __init__(self, *passed: tuple[bytes, bytes]) -> None:
        self.busy = True
        self._refusal = Refusal(b"X-Request-ID", list(passed), b"busy")

    @property
    def crowded(self) -> bool:
        return self.busy

    def ask(self, visitor: Visitor) -> None:
        if self.busy:
            visitor.refuse()
        else:
            visitor.enter()

    def forget(self, visitor: Visitor) -> None:
        """Nobody waits here."""

    def hand_over(self, visitor: Visitor, other: Visitor) -> None:
        """Nor takes a place."""

    def refusal(self) -> Refusal:
        return self._refusal


class Line(Overloaded):
    """Everybody waits until the test says how it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: asyncio.Queue[Visitor] = asyncio.Queue()
        self.places: list[Visitor] = []  # of those who were let in

    def ask(self, visitor: Visitor) -> None:
        self.waiting.put_nowait(visitor)

    async def comes(self) -> Visitor:
        return await asyncio.wait_for(self.waiting.get(), WAIT)

    async def let_in(self) -> Visitor:
        """The next one."""
        visitor = await self.comes()
        self.places.append(visitor)
        visitor.enter()
        return visitor

    def forget(self, visitor: Visitor) -> None:
        if visitor in self.places:
            self.places.remove(visitor)

    def hand_over(self, visitor: Visitor, other: Visitor) -> None:
        self.places[self.places.index(visitor)] = other


@asynccontextmanager
async def serving(
    handler: Handler, limits: Limits | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Our server with this handler; its port."""
    async with running(HttpServer(handler, limits), tls) as port:
        yield port


@asynccontextmanager
async def running(server: HttpServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    listening = socket.create_server((HOST, 0), backlog=128)
    listener = Listener(listening, server, tls)
    try:
        yield listening.getsockname()[1]
    finally:
        listener.close()
        listening.close()
        server.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def peer(serve: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does this with each connection; its port."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, HOST, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def answering(answer: bytes, *, close: bool = False) -> Peer:
    """Answers each request, whose body it reads by its length, with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(answer)
            await writer.drain()
            if close:
                writer.close()
                return

    return serve


async def request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of a request with a length or in one chunk after the other."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return head, body
    length = lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return head, await reader.readexactly(int(length or b"0"))


@dataclass
class Got:
    """What a raw client received until the end of its connection."""

    data: bytes
    reset: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n", self.data)]


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.wait_for(asyncio.open_connection(HOST, port), WAIT)


async def sent(port: int, *pieces: bytes, half_close: bool = False) -> Got:
    """Send these bytes, piece by piece, and read until the server closes."""
    reader, writer = await opened(port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    if half_close:
        writer.write_eof()
    got = await rest(reader)
    writer.close()
    return got


async def rest(reader: asyncio.StreamReader) -> Got:
    data = b""
    try:
        while piece := await asyncio.wait_for(reader.read(65536), WAIT):
            data += piece
    except ConnectionError:
        return Got(data, reset=True)
    return Got(data, reset=False)


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT)


async def echo(exchange: Exchange) -> None:
    """Answers with what was sent."""
    body = await exchange.body.read_all()
    exchange.reply(200, [(b"X-Path", exchange.head.path)], exchange.method + b" " + body)


def passing(
    client: Client, port: int, *, idle: float = WAIT, tls: ssl.SSLContext | None = None
) -> Handler:
    """A proxy without any policy, before the server at this port."""
    upstream = client.upstream(f"{'https' if tls else 'http'}://{HOST}:{port}", tls)

    async def handler(exchange: Exchange) -> None:
        exchange.limit(idle)
        try:
            connection = await upstream.connect(WAIT)
        except UpstreamError as error:
            exchange.reply(502, [], str(error.reason).encode())
            return
        connection.limit(idle, idle)
        try:
            await pass_on(exchange, connection, idle)
        except UpstreamError as error:
            if not exchange.responded:
                exchange.reply(502, [], str(error.reason).encode())
        finally:
            exchange.body.unpipe()
            connection.release()

    return handler


async def pass_on(exchange: Exchange, connection: ClientConnection, idle: float) -> None:
    head = exchange.head
    headers = end_to_end(head.headers, head.named)
    if head.upgrade:
        headers += [header for header in head.headers if header[0].lower() == b"upgrade"]
    connection.inform = lambda interim: exchange.inform(
        interim.status, interim.reason, end_to_end(interim.headers)
    )
    connection.send(head.method, head.path, headers, body_length(head.length))
    exchange.body.pipe(connection)
    answer = await connection.answer()
    if answer.status == 101:
        upgrade = [header for header in answer.headers if header[0].lower() != b"connection"]
        exchange.upgrade(answer.reason, upgrade)
        await tunnel(connection, exchange, idle)
        return
    length = answer_length(answer, head.method)
    headers = end_to_end(answer.headers, answer.named)
    exchange.respond(answer.status, answer.reason, headers, length)
    await relay(connection, exchange)
