"""What an answer, or the lack of one, teaches: against real sockets."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from flaky_load_balancer.core.balancer import LONGEST_WAIT
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.dispatcher import Answer
from flaky_load_balancer.proxy.upstreams import Upstreams, classify, retry_after

ID = "Ab1" * 8
NOW = 1_000_000_000.0  # 2001-09-09 01:46:40 UTC


@pytest.mark.parametrize(
    ("status", "header", "outcome"),
    [
        (200, None, Outcome.SUCCEEDED),
        (204, None, Outcome.SUCCEEDED),
        (299, "5", Outcome.SUCCEEDED),
        (301, None, Outcome.FAILED),
        (404, None, Outcome.FAILED),
        (429, None, Outcome.RATE_LIMITED),
        (429, "5", Outcome.RATE_LIMITED),
        (500, "5", Outcome.FAILED),
        (503, None, Outcome.FAILED),
        (503, "5", Outcome.RATE_LIMITED),
    ],
)
def test_classify(status: int, header: str | None, outcome: Outcome) -> None:
    assert classify(status, header, NOW).outcome is outcome


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("86400", LONGEST_WAIT),
        ("9" * 400, LONGEST_WAIT),
        ("Sun Sep  9 01:46:50 2001", 10.0),
        ("Sun, 09 Sep 2001 01:46:50 GMT", 10.0),
        ("Sun, 09 Sep 2001 01:46:30 GMT", 0.0),
        ("Fri, 09 Sep 2101 01:46:30 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after_is_understood_and_bounded(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


UNREADABLE = [
    "",
    "soon",
    "nan",
    "inf",
    "-3",
    "+3",
    "1_0",
    "\u0663",
    "1,5",
    "Sun, 99 Sep 2001 01:46",
]


@pytest.mark.parametrize("header", [None, *UNREADABLE])
def test_retry_after_that_says_nothing(header: str | None) -> None:
    assert math.isnan(retry_after(header, NOW))


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def listening(payload: bytes | None, *, abort: bool = False) -> AsyncIterator[str]:
    """A server that reads a request and answers with these bytes, then closes (or resets)."""
    received.clear()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        received.append(head + await reader.readexactly(24))
        if payload is None:
            await reader.read()  # until the client gives up
        else:
            writer.write(payload)
        if abort:
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


received: list[bytes] = []


async def answer_of(url: str) -> Answer:
    async with Upstreams() as upstreams:
        return await upstreams.pool([url]).send(0, ID)


async def test_the_server_gets_the_24_characters_as_plain_text() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as url:
        answer = await answer_of(url)
    assert answer.outcome is Outcome.SUCCEEDED
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"content-type: text/plain" in head.lower()
    assert body == ID.encode()


async def test_a_refusal_says_how_long() -> None:
    payload = b"HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
    async with listening(payload) as url:
        answer = await answer_of(url)
    assert answer == Answer(Outcome.RATE_LIMITED, retry_after=3.0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"\x00\xff" * 2000,
        b"HTTP/1.1 9999999999 X\r\n\r\n",
    ],
)
async def test_garbage_and_broken_answers_have_failed_and_may_have_been_served(
    payload: bytes,
) -> None:
    async with listening(payload) as url:
        answer = await answer_of(url)
    assert answer.outcome is Outcome.FAILED
    assert answer.unclear


async def test_a_reset_has_failed_and_may_have_been_served() -> None:
    async with listening(b"", abort=True) as url:
        answer = await answer_of(url)
    assert answer.outcome is Outcome.FAILED
    assert answer.unclear


async def test_a_refused_connection_has_failed_and_was_surely_not_served() -> None:
    async with listening(b"") as url:
        pass
    answer = await answer_of(url)
    assert answer.outcome is Outcome.FAILED
    assert not answer.unclear


async def test_a_hint_on_the_way_is_not_the_answer() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 5\r\n\r\n"
    answer = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    async with listening(hint + answer) as url:
        assert (await answer_of(url)).outcome is Outcome.FAILED


async def test_a_trailer_is_not_a_header() -> None:
    head = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with listening(head + b"0\r\nRetry-After: 5\r\n\r\n") as url:
        assert (await answer_of(url)).outcome is Outcome.FAILED


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    """Also where the event loop has not seen that yet: here it sleeps, as if it were busy."""
    made = 0
    addresses: list[tuple[str, int]] = []
    started, stop = threading.Event(), threading.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(24)
        writer.write(OK)
        writer.close()

    async def until_stopped() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        addresses.append(server.sockets[0].getsockname())
        started.set()
        while not stop.is_set():
            await asyncio.sleep(0.005)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(until_stopped()))
    thread.start()
    try:
        started.wait()
        async with Upstreams() as upstreams:
            pool = upstreams.pool([f"http://127.0.0.1:{addresses[0][1]}"])
            for _ in range(5):
                assert (await pool.send(0, ID)).outcome is Outcome.SUCCEEDED
                time.sleep(0.05)
    finally:
        stop.set()
        thread.join()
    assert made == 5


async def test_redirects_are_not_followed() -> None:
    payload = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with listening(payload) as url:
        answer = await answer_of(url)
    assert answer.outcome is Outcome.FAILED
    assert len(received) == 1


async def connections_for(payload: bytes, attempts: int) -> int:
    """How many connections a server sees for some attempts, when it keeps them all open."""
    made = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(24)
                writer.write(payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with Upstreams() as upstreams:
        pool = upstreams.pool([f"http://{host}:{port}"])
        for _ in range(attempts):
            assert (await pool.send(0, ID)).outcome is Outcome.SUCCEEDED
    server.close()
    await asyncio.sleep(0.02)  # the server notices that we are gone
    return made


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("payload", "connections"),
    [
        (OK, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 1),
        (OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n", 1), 5),
        (OK.replace(b"HTTP/1.1", b"HTTP/1.0"), 5),
        (OK + b"more than was promised", 5),
        (OK + OK, 5),
    ],
)
async def test_a_connection_is_used_again_only_where_that_is_safe(
    payload: bytes, connections: int
) -> None:
    assert await connections_for(payload, 5) == connections


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async with listening(b"HTTP/1.0 200 OK\r\n\r\nwhatever") as url:
        assert (await answer_of(url)).outcome is Outcome.SUCCEEDED


async def test_a_head_that_does_not_end_is_not_read_for_ever() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000) as url:
        answer = await asyncio.wait_for(answer_of(url), 5)
    assert answer.outcome is Outcome.FAILED


async def test_a_large_body_is_read_and_forgotten() -> None:
    body = b"a" * 1_000_000
    async with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body) as url:
        assert (await answer_of(url)).outcome is Outcome.SUCCEEDED


async def test_an_attempt_that_is_cancelled_takes_its_connection_along() -> None:
    async with listening(None) as url, Upstreams() as upstreams:
        pool = upstreams.pool([url])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.send(0, ID)
        assert not any(pool._exchanges._idle.values())
