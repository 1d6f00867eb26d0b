"""What servers can do to a request, good and bad, as raw bytes."""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.proxy.http1 import (
    AnswerHead,
    Client,
    ClientConnection,
    Reason,
    Upstream,
    UpstreamError,
)
from tests.proxy.http1.wire import HOST, WAIT, Peer, answering, peer, request

TWO = b"Content-Length: 2\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def before(serve: Peer) -> AsyncIterator[Upstream]:
    client = Client()
    async with peer(serve) as port:
        yield client.upstream(f"http://{HOST}:{port}")
    client.close()


async def ask(
    upstream: Upstream, method: bytes = b"GET", first_byte: float = WAIT
) -> tuple[AnswerHead, bytes]:
    """A request, and its answer read to the end."""
    connection = await upstream.connect(WAIT)
    try:
        connection.limit(first_byte, first_byte)
        connection.send(method, b"/", [(b"Host", b"x")], body=b"abc")
        head = await connection.answer()
        return head, await connection.body.read_all()
    finally:
        connection.release()


def closing(answer: bytes) -> Peer:
    return answering(answer.removesuffix(b"#close"), close=answer.endswith(b"#close"))


READ = {
    "plain": (b"HTTP/1.1 200 OK\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "no reason": (b"HTTP/1.1 200\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "empty reason": (b"HTTP/1.1 200 \r\n" + TWO + b"\r\nok", 200, b"ok"),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok"),
    "mixed LF": (b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\nok", 200, b"ok"),
    "two spaces": (b"HTTP/1.1  429 Slow\r\n" + TWO + b"\r\nok", 429, b"ok"),
    "lower case": (b"http/1.1 200 OK\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "status 600": (b"HTTP/1.1 600 X\r\n" + TWO + b"\r\nok", 600, b"ok"),
    "empty lines first": (b"\r\n\r\nHTTP/1.1 200 OK\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "upper case": (b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 2\r\n\r\nok", 200, b"ok"),
    "length twice": (b"HTTP/1.1 200 OK\r\n" + TWO + TWO + b"\r\nok", 200, b"ok"),
    "length list": (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", 200, b"ok"),
    "space before colon": (b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", 200, b"ok"),
    "fold": (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "latin": (b"HTTP/1.1 200 Tr\xe8s bien\r\nX: \xe9\xff\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "control character": (b"HTTP/1.1 200 OK\r\nX: a\x01b\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "empty header": (b"HTTP/1.1 200 OK\r\nX:\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "large header": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 30000 + b"\r\n\r\nok#close", 200, b"ok"),
    "many headers": (
        b"HTTP/1.1 200 OK\r\n" + b"Set-Cookie: a=1\r\n" * 1000 + TWO + b"\r\nok",
        200,
        b"ok",
    ),
    "chunks": (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
    "chunk size with a space": (CHUNKED + b"2 \r\nok\r\n0\r\n\r\n", 200, b"ok"),
    "chunk extension": (CHUNKED + b"2;a=b\r\nok\r\n0\r\n\r\n", 200, b"ok"),
    "chunks with LF": (CHUNKED + b"2\nok\n0\n\n", 200, b"ok"),
    "trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\nContent-Length: 9\r\n\r\n", 200, b"ok"),
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n",
        200,
        b"ok",
    ),
    "identity": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n" + TWO + b"\r\nok",
        200,
        b"ok",
    ),
    "chunks in 1.0": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n#close",
        200,
        b"ok",
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\n\r\nok#close", 200, b"ok"),
    "1.0 keep-alive": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + TWO + b"\r\nok",
        200,
        b"ok",
    ),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\nok#close", 200, b"ok"),
    "empty until close": (b"HTTP/1.1 200 OK\r\n\r\n#close", 200, b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "204 with a body": (b"HTTP/1.1 204 No Content\r\n" + TWO + b"\r\nok", 204, b""),
    "204 chunked": (b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 204, b""),
    "304": (b"HTTP/1.1 304 Not\r\nContent-Length: 20\r\n\r\n", 304, b""),
    "100 first": (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n" + TWO + b"\r\nok", 200, b"ok"),
    "100 with close": (
        b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\n" + TWO + b"\r\nok",
        200,
        b"ok",
    ),
    "many interim": (
        b"HTTP/1.1 102 P\r\n\r\n" * 3 + b"HTTP/1.1 429 Slow\r\n" + TWO + b"\r\nok",
        429,
        b"ok",
    ),
    "upgrade offered": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\n" + TWO + b"\r\nok",
        200,
        b"ok",
    ),
    "surplus": (b"HTTP/1.1 200 OK\r\n" + TWO + b"\r\nokHTTP/1.1 500 X\r\n\r\n", 200, b"ok"),
    "surplus line": (b"HTTP/1.1 200 OK\r\n" + TWO + b"\r\nok\r\n", 200, b"ok"),
}


@pytest.mark.parametrize(("answer", "status", "body"), READ.values(), ids=READ)
async def test_answers_that_every_proxy_reads(answer: bytes, status: int, body: bytes) -> None:
    async with before(closing(answer)) as upstream:
        for _ in range(2):  # neither is disturbed by the other
            head, got = await ask(upstream)
            assert (head.status, got) == (status, body)


UNREADABLE = {
    "HTTP/0.9": b"ok#close",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n" + TWO + b"\r\nok",
    "ICY": b"ICY 200 OK\r\n" + TWO + b"\r\nok",
    "status 099": b"HTTP/1.1 099 X\r\n" + TWO + b"\r\nok",
    "status 2000": b"HTTP/1.1 2000 X\r\n" + TWO + b"\r\nok",
    "lengths differ": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + TWO + b"\r\nok",
    "length negative": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n" + TWO + b"\r\nok",
    "space in a name": b"HTTP/1.1 200 OK\r\nX Y: a\r\n" + TWO + b"\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nXY\r\n" + TWO + b"\r\nok",
    "gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok#close",
    "chunk size": CHUNKED + b"xyz\r\n",
    "chunk longer": CHUNKED + b"2\r\nokk\r\n",
    "unasked 101": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
    "endless interim": b"HTTP/1.1 102 P\r\n\r\n" * 200,
}
CUT = {
    "nothing": b"#close",
    "half a head": b"HTTP/1.1 200 OK\r\nConte#close",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok#close",
    "half a chunk": CHUNKED + b"5\r\nok#close",
    "no last chunk": CHUNKED + b"2\r\nok\r\n#close",
    "no end of trailers": CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n#close",
    "only interim": b"HTTP/1.1 100 Continue\r\n\r\n#close",
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_answer(answer: bytes) -> None:
    async with before(closing(answer)) as upstream:
        with pytest.raises(UpstreamError) as raised:
            await ask(upstream)
    if answer != b"ok#close":  # no end of a head: it is cut off
        assert raised.value.reason is Reason.NOT_HTTP
    assert raised.value.sent


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
async def test_answers_that_break_off(answer: bytes) -> None:
    async with before(closing(answer)) as upstream:
        with pytest.raises(UpstreamError) as raised:
            await ask(upstream)
    assert (raised.value.reason, raised.value.sent) == (Reason.CLOSED, True)


async def test_a_reset_is_a_reset() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        opened = writer.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with before(serve) as upstream:
        with pytest.raises(UpstreamError) as raised:
            await ask(upstream)
    assert raised.value.reason is Reason.RESET


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
    await reader.read()


@pytest.mark.parametrize("serve", [silent, stalling])
async def test_silence_ends(serve: Peer) -> None:
    async with before(serve) as upstream:
        with pytest.raises(UpstreamError) as raised:
            await ask(upstream, first_byte=0.05)
    assert raised.value.reason is Reason.TIMEOUT


async def test_a_server_that_stops_reading_is_given_up() -> None:
    held = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await held.wait()

    async with before(serve) as upstream:
        connection = await upstream.connect(WAIT)
        connection.limit(WAIT, 0.1)
        connection.send(b"PUT", b"/", [(b"Host", b"x")], 50_000_000)
        connection.write(b"x" * 50_000_000)
        connection.end()
        with pytest.raises(UpstreamError) as raised:
            await connection.answer()
        connection.release()
        held.set()
    assert raised.value.reason is Reason.TIMEOUT


async def test_connections_are_used_again_until_they_have_been_idle_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flaky_load_balancer.proxy.http1.upstream.KEEP_ALIVE", 0.05)
    connections, ended = [0], asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[0] += 1
        try:
            await answering(READ["plain"][0])(reader, writer)
        finally:
            ended.set()

    async with before(serve) as upstream:
        for _ in range(3):
            await ask(upstream)
        assert (connections[0], upstream.idle) == (1, 1)
        await asyncio.wait_for(ended.wait(), WAIT)  # by a timer: no other request is made
        assert upstream.idle == 0


UNCLEAN = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + TWO + b"\r\nok",
    "1.0": b"HTTP/1.0 200 OK\r\n" + TWO + b"\r\nok",
    "surplus": READ["surplus"][0],
    "204 with a body": READ["204 with a body"][0],
    "length and chunks": READ["length and chunks"][0],
}


@pytest.mark.parametrize("answer", UNCLEAN.values(), ids=UNCLEAN)
async def test_connections_that_are_not_used_again(answer: bytes) -> None:
    async with before(answering(answer)) as upstream:
        await ask(upstream)
        assert upstream.idle == 0


async def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used() -> None:
    async with before(answering(READ["plain"][0], close=True)) as upstream:
        await ask(upstream)
        await asyncio.sleep(0.05)  # the end of the connection is on its way
        await ask(upstream)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what was confirmed")
@pytest.mark.parametrize("reads", [False, True])
async def test_a_request_that_crosses_the_end_of_an_idle_connection(reads: bool) -> None:
    """It was not processed if the server's system has not even confirmed it."""
    crossed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(READ["plain"][0])
        if reads:
            await request(reader)
        await crossed.wait()
        writer.close()

    async with before(serve) as upstream:
        await ask(upstream)
        connection = await upstream.connect(WAIT)
        assert connection.reused == 1
        if not reads:
            crossed.set()
            while connection.quiet:
                time.sleep(0.001)  # the event loop must not see the end yet
                await asyncio.sleep(0)
        connection.send(b"POST", b"/", [(b"Host", b"x")], body=b"abc")
        asyncio.get_running_loop().call_later(0.02, crossed.set)
        with pytest.raises(UpstreamError) as raised:
            await connection.answer()
        connection.release()
    assert raised.value.sent is reads


async def test_head_has_no_body() -> None:
    async with before(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")) as upstream:
        for _ in range(2):
            assert (await ask(upstream, b"HEAD"))[1] == b""
        assert upstream.idle == 1


async def test_interim_answers_can_be_passed_on() -> None:
    hints: list[int] = []
    interim = b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with before(answering(interim + READ["plain"][0])) as upstream:
        connection = await upstream.connect(WAIT)
        connection.inform = lambda head: hints.append(head.status)
        connection.send(b"GET", b"/", [(b"Host", b"x")])
        assert (await connection.answer()).status == 200
        connection.release()
    assert hints == [103]


async def refusal(url: str, seconds: float = WAIT) -> UpstreamError:
    client = Client()
    with pytest.raises(UpstreamError) as raised:
        await client.upstream(url).connect(seconds)
    client.close()
    assert not raised.value.sent
    return raised.value


async def test_reasons_for_having_no_connection() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    assert (await refusal(f"http://{HOST}:{port}")).reason is Reason.REFUSED
    for name in ("a..b", ".x", "a" * 64, "nothing.invalid"):
        assert (await refusal(f"http://{name}:{port}")).reason is Reason.NAME


async def test_a_connection_that_hangs_was_not_sent() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((HOST, 0))
        full.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        error = await refusal(f"http://{HOST}:{full.getsockname()[1]}", 0.2)
    assert error.reason is Reason.TIMEOUT


async def test_shortage_of_descriptors_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", none_left)
        assert (await refusal(f"http://{HOST}:1")).reason is Reason.OURS


async def test_a_server_that_talks_before_it_is_asked() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(READ["plain"][0])
        await reader.read()

    async with before(serve) as upstream:
        connection = await upstream.connect(WAIT)
        while not connection.lost:
            await asyncio.sleep(0.001)
        connection.send(b"GET", b"/", [(b"Host", b"x")])
        with pytest.raises(UpstreamError) as raised:
            await connection.answer()
        connection.release()
    assert not raised.value.sent


async def test_plain_text_where_tls_is_expected() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with peer(serve) as port:
        error = await refusal(f"https://{HOST}:{port}")
    assert error.reason in {Reason.TLS, Reason.CLOSED, Reason.RESET}


async def test_a_connection_that_was_never_used_goes_back() -> None:
    async with before(answering(READ["plain"][0])) as upstream:
        connection = await upstream.connect(WAIT)
        connection.release()
        connection.release()
        assert upstream.idle == 1
        assert await upstream.connect(WAIT) is connection
        connection.release()


async def test_an_early_answer_stops_the_upload_and_closes() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\n" + TWO + b"\r\nno")
        await reader.read()

    async with before(serve) as upstream:
        connection = await upstream.connect(WAIT)
        connection.send(b"POST", b"/", [(b"Host", b"x")], None)
        connection.write(b"x" * 100_000)
        assert (await connection.answer()).status == 413
        assert await connection.body.read_all() == b"no"
        connection.release()
        assert upstream.idle == 0


@given(st.sampled_from([*READ.values()]), st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=100, deadline=None)
def test_answers_are_read_alike_however_they_are_cut(
    case: tuple[bytes, int, bytes], cuts: list[int]
) -> None:
    answer, status, body = case
    stream = answer.removesuffix(b"#close")
    whole = sorted([0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)])

    async def check() -> None:
        transport = _Nowhere()
        connection = ClientConnection(transport.get_extra_info("socket"), lambda _: None)
        connection.connection_made(transport)
        connection.send(b"GET", b"/", [])
        for a, b in pairwise(whole):
            if a < b and not connection.lost:
                connection.data_received(stream[a:b])
        if answer.endswith(b"#close"):
            connection.eof_received()
        assert (await connection.answer()).status == status
        assert await connection.body.read_all() == body
        transport.abort()

    uvloop.run(check())


class _Nowhere(asyncio.Transport):
    """A transport that keeps nothing."""

    def __init__(self) -> None:
        super().__init__({"socket": socket.socket()})

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: object) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        self.get_extra_info("socket").close()
