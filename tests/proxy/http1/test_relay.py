"""Requests that pass through: bodies of any size, both ways, and what breaks on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from flaky_load_balancer.proxy.http1 import Client, Exchange
from tests.proxy.http1.wire import (
    WAIT,
    Got,
    Peer,
    answering,
    head_of,
    opened,
    passing,
    peer,
    request,
    rest,
    sent,
    serving,
)

GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nok"


@asynccontextmanager
async def proxy(server: Peer, *, idle: float = WAIT) -> AsyncIterator[int]:
    client = Client()
    async with peer(server) as port, serving(passing(client, port, idle=idle)) as ours:
        yield ours
    client.close()


async def through(server: Peer, *pieces: bytes) -> Got:
    async with proxy(server) as port:
        return await sent(port, *pieces)


async def test_an_answer_passes_as_it_is() -> None:
    got = await through(answering(OK), GET)
    assert got.data == (
        b"HTTP/1.1 200 Fine\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    )


async def test_a_request_passes_as_it_is() -> None:
    seen: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await request(reader))
        writer.write(OK)

    body = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: dropped\r\n\r\n"
    head = (
        b"FROB /a?b HTTP/1.1\r\nHost: x\r\nX-a: 1\r\nTE: trailers\r\nConnection: close, X-Hop\r\n"
    )
    await through(server, head + b"X-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    sent_on = b"FROB /a?b HTTP/1.1\r\nHost: x\r\nX-a: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert seen == [sent_on, b"hello!"]


async def test_large_bodies_stream_both_ways() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Sends what comes back at once."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        while length:
            data = await reader.read(65536)
            length -= len(data)
            writer.write(data)
            await writer.drain()

    size = 3_000_000
    pieces = [bytes([i % 256]) * 100_000 for i in range(size // 100_000)]
    async with proxy(server) as port:
        reader, writer = await opened(port)
        head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        writer.write(head + b"".join(pieces))
        await head_of(reader)
        assert await asyncio.wait_for(reader.readexactly(size), WAIT) == b"".join(pieces)
        writer.close()


async def test_chunks_pass_at_once() -> None:
    more = asyncio.Event()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with proxy(server) as port:
        reader, writer = await opened(port)
        writer.write(GET)
        await head_of(reader)
        assert await asyncio.wait_for(reader.readuntil(b"one\r\n"), WAIT) == b"3\r\none\r\n"
        more.set()
        assert (await rest(reader)).data == b"3\r\ntwo\r\n0\r\n\r\n"
        writer.close()


CUT = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nx\r\n",
]


@pytest.mark.parametrize("answer", CUT)
async def test_an_answer_that_breaks_off_breaks_off_for_the_client(answer: bytes) -> None:
    got = await through(answering(answer, close=True), GET)
    assert got.reset
    assert not got.data.endswith(b"0\r\n\r\n")


async def test_an_answer_that_ends_with_its_connection_has_a_clean_end() -> None:
    got = await through(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True), GET)
    assert got.data.endswith(b"9\r\nall of it\r\n0\r\n\r\n")
    old = await through(
        answering(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True), b"GET / HTTP/1.0\r\n\r\n"
    )
    assert old.data == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"
    assert not old.reset


async def test_a_cut_answer_is_reset_where_its_end_would_be_the_end_of_the_connection() -> None:
    got = await through(answering(CUT[1], close=True), b"GET / HTTP/1.0\r\n\r\n")
    assert got.reset


async def test_a_websocket_passes_both_ways_until_both_have_ended() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello")
        while data := await reader.read(65536):
            writer.write(data)
        writer.write(b"bye")
        writer.close()

    async with proxy(server) as port:
        reader, writer = await opened(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        head = await head_of(reader)
        assert head == (b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"x" * 500_000)
        assert await asyncio.wait_for(reader.readexactly(500_000), WAIT) == b"x" * 500_000
        writer.write_eof()
        assert (await rest(reader)).data == b"bye"
        writer.close()


UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"


async def test_a_tunnel_in_which_one_side_only_listens_stays() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(SWITCHED)
        for _ in range(8):
            await asyncio.sleep(0.05)
            writer.write(b"tick")
        writer.close()

    async with proxy(server, idle=0.2) as port:
        reader, writer = await opened(port)
        writer.write(UPGRADE)
        await head_of(reader)
        assert await asyncio.wait_for(reader.readexactly(32), WAIT) == b"tick" * 8
        writer.close()


async def test_a_tunnel_without_a_byte_is_cut() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(SWITCHED)
        await reader.read()

    async with proxy(server, idle=0.05) as port:
        reader, writer = await opened(port)
        writer.write(UPGRADE)
        await head_of(reader)
        assert (await rest(reader)).reset
        writer.close()


@pytest.mark.parametrize("side", ["client", "server"])
async def test_a_tunnel_that_breaks_on_one_side_breaks_on_the_other(side: str) -> None:
    broken = asyncio.Event()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(SWITCHED)
        if side == "server":
            await reader.read(1)
            writer.transport.abort()
            return
        try:
            while await reader.read(100):
                writer.write(b"x")
        finally:
            broken.set()

    async with proxy(server) as port:
        reader, writer = await opened(port)
        writer.write(UPGRADE)
        await head_of(reader)
        writer.write(b"x")
        if side == "client":
            await asyncio.wait_for(reader.readexactly(1), WAIT)
            writer.transport.abort()
            await asyncio.wait_for(broken.wait(), WAIT)
        else:
            await rest(reader)
            writer.close()


async def test_slow_readers_hold_senders_back_on_both_sides() -> None:
    """What is read from one side and not yet taken by the other stays small."""
    taken = asyncio.Event()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await taken.wait()
        left = 20_000_000
        while left:
            left -= len(await reader.read(1 << 20))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000)

    seen: list[Exchange] = []
    client = Client()
    async with peer(server) as upstream:
        passed = passing(client, upstream)

        async def handler(exchange: Exchange) -> None:
            exchange.body.keep(65536)
            seen.append(exchange)
            await passed(exchange)

        async with serving(handler) as port:
            reader, writer = await opened(port)
            writer.write(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n")
            writer.write(b"x" * 20_000_000)
            while not seen or seen[0].body.received < 65536:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)
            in_buffers_of_the_system = 12_000_000
            assert seen[0].body.received < in_buffers_of_the_system
            assert seen[0].body.held
            taken.set()
            await head_of(reader)
            await asyncio.sleep(0.1)
            assert seen[0].written < in_buffers_of_the_system
            assert len(await asyncio.wait_for(reader.readexactly(20_000_000), WAIT)) == 20_000_000
            writer.close()
    client.close()
