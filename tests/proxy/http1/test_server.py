"""What clients can do to a connection, good and bad, as raw bytes."""

import asyncio
import socket
import struct
from itertools import pairwise

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.proxy.http1 import BodyError, Exchange, HttpServer, Limits
from tests.proxy.http1.wire import (
    WAIT,
    Got,
    Handler,
    echo,
    head_of,
    opened,
    rest,
    running,
    sent,
    serving,
)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


async def got(*pieces: bytes, handler: Handler = echo, limits: Limits | None = None) -> Got:
    async with serving(handler, limits) as port:
        return await sent(port, *pieces)


async def test_requests_are_answered_in_order_on_one_connection() -> None:
    answer = await got(GET + POST + LAST)
    assert answer.statuses == [200, 200, 200]
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.data.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"GET ", b"POST hello", b"GET "]
    assert answer.data.count(b"Connection: close") == 1


AMBIGUOUS = {
    "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare LF in a header": b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: x\r\n\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "fold": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
    "space before the first header": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nX\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two Hosts in 1.0": b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "Host with a user": b"GET / HTTP/1.1\r\nHost: a@x\r\n\r\n",
    "lengths differ": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    b"Content-Length: 6\r\n\r\n",
    "length list": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello",
    "length +5": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    "length -5": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
    "length 0x5": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
    "length empty": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello",
    "length huge": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % 10**30,
    "length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    "chunked not last": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    "xchunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked-ish\r\n\r\n0\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "space at the end": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "lower case version": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "version 1.10": b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "relative target": b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "fragment": b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n",
    "other scheme": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "no authority": b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00",
    "garbage and an end": b"\0\r\n\r\n",
}


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_what_could_be_read_in_two_ways_is_refused(request_: bytes) -> None:
    answer = await got(request_ + LAST)
    assert answer.statuses == [400]
    assert b"\r\nConnection: close\r\n" in answer.data
    assert b"application/problem+json" in answer.data


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 405),
        (b"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET /" + b"a" * 70_000, 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 1001 + b"\r\n", 431),
    ],
)
async def test_other_refusals(request_: bytes, status: int) -> None:
    answer = await got(request_)
    assert answer.statuses == [status]
    assert not answer.reset


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (b"\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"/a"),
        (b"GET /a HTTP/1.0\r\n\r\n", b"/a"),
        (b"GET http://y:80/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"/a?b"),
        (b"GET HTTPS://y?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"/?b"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"*"),
        (b"OPTIONS http://y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"*"),
        (b"FROB!~ //a/../%2e HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", b"//a/../%2e"),
        (b"GET /\xc3\xa4 HTTP/1.9\r\nHost: [::1]:80\r\nConnection: CLOSE\r\n\r\n", b"/\xc3\xa4"),
    ],
)
async def test_what_is_unusual_and_right_is_served(request_: bytes, path: bytes) -> None:
    answer = await got(request_)
    assert answer.statuses == [200]
    assert b"X-Path: %b\r\n" % path in answer.data


async def test_the_authority_of_the_target_replaces_host() -> None:
    hosts: list[bytes] = []

    async def handler(exchange: Exchange) -> None:
        hosts.append(exchange.head.host)
        exchange.reply(200, [], b"")

    await got(
        b"GET http://y:80/ HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\n\r\n", handler=handler
    )
    assert hosts == [b"y:80", b""]


async def test_a_request_before_garbage_is_answered_first() -> None:
    answer = await got(GET + b"\x00\r\n\r\n")
    assert answer.statuses == [200, 400]
    assert answer.data.index(b"GET ") < answer.data.index(b"HTTP/1.1 400")


async def test_half_a_connection_gets_its_answers() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await echo(exchange)

    async with serving(slow) as port:
        answer = await sent(port, GET + POST, half_close=True)
    assert answer.statuses == [200, 200]
    assert not answer.reset


async def test_half_a_request_gets_no_answer() -> None:
    async with serving(echo) as port:
        for half in (b"", b"GET / HT", POST[:-1]):
            assert (await sent(port, half, half_close=True)).data == b""


async def test_http_1_0_keeps_alive_only_if_asked() -> None:
    asked = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
    answer = await got(asked + b"GET / HTTP/1.0\r\n\r\n" + GET)
    assert answer.statuses == [200, 200]
    assert answer.data.count(b"Connection: keep-alive") == 1


async def test_http_1_0_sends_bodies_without_a_host() -> None:
    answer = await got(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
    assert answer.data.endswith(b"POST hello")


async def test_expect_is_answered_when_the_body_is_first_read() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n"
    async with serving(echo) as port:
        reader, writer = await opened(port)
        writer.write(head)
        assert await head_of(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello" + LAST)
        assert (await rest(reader)).statuses == [200, 200]
        writer.close()


async def refuse(exchange: Exchange) -> None:
    exchange.reply(413, [], b"no")


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
async def test_an_answer_before_the_body_closes_the_connection(expect: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n" + expect + b"\r\n"
    async with serving(refuse) as port:
        reader, writer = await opened(port)
        writer.write(head)
        answer = await head_of(reader)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close" in answer
        writer.write(LAST)  # must not be taken for the body, nor reset the answer
        assert await rest(reader) == Got(b"no", reset=False)
        writer.close()


async def test_an_early_answer_reaches_a_client_that_is_still_sending() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n"
    async with serving(refuse) as port:
        reader, writer = await opened(port)
        writer.write(head + b"x" * 5_000_000)
        got = await rest(reader)
        assert got.data.startswith(b"HTTP/1.1 413 ")
        writer.close()


async def test_heads_that_trickle_end() -> None:
    async with serving(echo, Limits(head=0.05)) as port:
        answer = await sent(port, b"GET / HTTP/1.1\r\n", b"Host: x\r\n")
    assert answer.statuses == [408]


async def test_silence_ends() -> None:
    async with serving(echo, Limits(keep_alive=0.05)) as port:
        assert await sent(port) == Got(b"", reset=False)
        assert (await sent(port, GET)).statuses == [200]


async def test_a_body_that_stalls_is_said_to_be_late() -> None:
    errors: list[BodyError] = []

    async def handler(exchange: Exchange) -> None:
        exchange.limit(0.05)
        try:
            await exchange.body.read_all()
        except BodyError as error:
            errors.append(error)
            exchange.reply(error.status, [], b"")

    answer = await got(POST[:-1], handler=handler)
    assert answer.statuses == [408]
    assert b"Connection: close" in answer.data
    assert len(errors) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"-1\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"\r\n",
        b"f" * 20 + b"\r\n",
        b"5;" + b"a" * 5000,
        b"0\r\n" + b"X: y\r\n" * 20_000,
        b"5\r\nhelloX\n0\r\n\r\n",
    ],
)
async def test_broken_chunks_break_the_body(body: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await got(head + body + LAST)
    assert answer.statuses == [400]


@pytest.mark.parametrize("close", ["reset", "close", "eof"])
async def test_a_client_that_hangs_up_is_noticed_at_once(close: str) -> None:
    began, gone = asyncio.Event(), asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert exchange.gone
            gone.set()
            raise

    async with serving(handler, Limits(probe=0.01)) as port:
        reader, writer = await opened(port)
        writer.write(GET)
        await asyncio.wait_for(began.wait(), WAIT)
        if close == "reset":
            opened_socket = writer.get_extra_info("socket")
            opened_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort() if close == "reset" else writer.close()
        await asyncio.wait_for(gone.wait(), WAIT)
        del reader


async def test_what_a_handler_forgets() -> None:
    async def nothing(exchange: Exchange) -> None:
        pass

    async def half(exchange: Exchange) -> None:
        exchange.respond(200, b"OK", [], 5)
        exchange.write(b"he")

    async def short(exchange: Exchange) -> None:
        await half(exchange)
        exchange.finish()

    assert (await got(LAST, handler=nothing)).statuses == [500]
    assert (await got(LAST, handler=half)).reset
    assert (await got(LAST, handler=short)).reset


async def test_a_handler_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(exchange: Exchange) -> None:
        raise RuntimeError("oops")

    answer = await got(LAST, handler=handler)
    assert answer.statuses == [500]
    assert b"oops" not in answer.data
    assert "oops" in str(caplog.records[0].exc_info)


@pytest.mark.parametrize(
    ("method", "status", "length", "expected"),
    [
        (b"HEAD", 200, 5, b"HTTP/1.1 200 \r\nContent-Length: 5\r\nConnection: close\r\n\r\n"),
        (b"HEAD", 200, None, b"HTTP/1.1 200 \r\nConnection: close\r\n\r\n"),
        (b"GET", 204, None, b"HTTP/1.1 204 \r\nConnection: close\r\n\r\n"),
        (b"GET", 204, 0, b"HTTP/1.1 204 \r\nConnection: close\r\n\r\n"),
        (b"GET", 304, 5, b"HTTP/1.1 304 \r\nContent-Length: 5\r\nConnection: close\r\n\r\n"),
        (
            b"GET",
            200,
            None,
            b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n",
        ),
    ],
)
async def test_answers_without_a_body(
    method: bytes, status: int, length: int | None, expected: bytes
) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.respond(status, b"", [], length)
        exchange.write(b"hello")
        exchange.finish()

    assert (await got(LAST.replace(b"GET", method), handler=handler)).data == expected


async def test_interim_answers_go_to_clients_that_know_them() -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.inform(103, b"Early Hints", [(b"Link", b"</a>")])
        exchange.reply(200, [], b"")

    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 "
    assert (await got(LAST, handler=handler)).data.startswith(hints)
    assert (await got(b"GET / HTTP/1.0\r\n\r\n", handler=handler)).statuses == [200]


async def test_malformed_requests_are_logged_ever_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(echo) as port:
        for _ in range(11):
            await sent(port, b"\0")
    assert len(caplog.records) == 2


async def test_draining_closes_what_is_idle_and_answers_the_rest() -> None:
    release = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await release.wait()
        await echo(exchange)

    server = HttpServer(handler)
    async with running(server) as port:
        idle, other = await opened(port)
        busy, writer = await opened(port)
        writer.write(GET)
        while not any(connection.busy for connection in server.connections):
            await asyncio.sleep(0.001)
        server.drain()
        assert (await rest(idle)).data == b""
        release.set()
        answer = await rest(busy)
    assert answer.statuses == [200]
    assert b"Connection: close" in answer.data
    writer.close()
    other.close()


async def test_a_client_that_does_not_read_holds_the_handler_back_and_is_cut_in_the_end() -> None:
    written, ended = [0], asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        exchange.limit(0.1)
        exchange.respond(200, b"", [], None)
        try:
            while True:
                exchange.write(b"x" * 100_000)
                written[0] += 1
                await exchange.drain()
        finally:
            ended.set()

    async with serving(handler) as port:
        _, writer = await opened(port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET)
        await asyncio.wait_for(ended.wait(), WAIT)
        writer.transport.abort()
    assert written[0] < 500  # 50 MB: what the system's own buffers take


@given(st.lists(st.integers(0, 400), max_size=8).map(sorted))
@settings(max_examples=50, deadline=None)
def test_requests_are_read_alike_however_they_are_cut(cuts: list[int]) -> None:
    chunks = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks += b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"
    stream = GET + POST + chunks + GET + LAST
    whole = [0, *(cut % len(stream) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(sorted(whole))]
    got_ = uvloop.run(got(*pieces))
    assert got_.statuses == [200] * 5
    assert b"POST hello!" in got_.data
