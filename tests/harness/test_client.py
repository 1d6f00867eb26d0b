"""The clients: an open loop that nothing slows down, and latencies that hide no delay."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from flaky_load_balancer.harness.client import Client, Sent, Stream, request_ids

Handler = Callable[[str], Awaitable[int | None]]


@asynccontextmanager
async def answering(handle: Handler) -> AsyncIterator[str]:
    """The address of a server that answers with the status that ``handle`` says, or hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                found = re.search(rb"content-length: (\d+)", head.lower())
                assert found is not None
                assert b"content-type: text/plain" in head.lower()
                status = await handle((await reader.readexactly(int(found[1]))).decode())
                if status is None:
                    break
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def sent(handle: Handler, count: int, rate: float = 200.0) -> Sent:
    async with answering(handle) as url, Client.open(rate, deadline=30.0) as client:
        return await run(client, url, request_ids(0, count), time.monotonic() + 0.05)


async def run(client: Client, url: str, ids: list[str], start: float) -> Sent:
    stream = Stream(url, ids, start)
    await client.run([stream])
    return stream.sent


def test_ids_are_valid_and_the_same_for_the_same_seed() -> None:
    ids = request_ids(7, 1000)
    assert all(re.fullmatch("[A-Za-z0-9]{24}", each) for each in ids)
    assert len(set(ids)) == 1000
    assert ids == request_ids(7, 1000)
    assert ids[:10] == request_ids(7, 10)
    assert not set(ids) & set(request_ids(8, 1000))


async def test_each_id_is_sent_once() -> None:
    seen = []

    async def handle(request_id: str) -> int:
        seen.append(request_id)
        return 200

    result = await sent(handle, 40)
    assert sorted(seen) == sorted(request_ids(0, 40))
    assert (result.requests, result.answered, result.delivered) == (40, 40, 40)
    assert result.unanswered == result.turned_away == 0


async def test_a_slow_answer_delays_no_request() -> None:
    """Nobody is answered before all have come: a closed loop would wait for ever."""
    waiting = 0
    all_here = asyncio.Event()

    async def handle(_: str) -> int:
        nonlocal waiting
        waiting += 1
        if waiting == 51:
            all_here.set()
        await all_here.wait()
        return 200

    result = await sent(handle, 51, rate=50.0)
    assert result.delivered == 51
    facts = result.facts()
    assert facts["seconds"] >= 0.9  # the first one waited for the last, a second later
    assert facts["latency_ms"]["p50"] >= 450


async def test_every_request_has_its_time_whatever_was_late_before() -> None:
    """A second is lost in the middle: what was due then is sent late, the rest is not."""

    async def handle(_: str) -> int:
        return 200

    async with answering(handle) as url, Client.open(50.0, deadline=30.0) as client:
        stream = Stream(url, request_ids(0, 100), start := time.monotonic() + 0.05)
        asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 0.5, time.sleep, 1.0)
        await client.run([stream])
    assert stream.sent.last_send >= start + 99 / 50  # nothing before its time
    assert stream.sent.lateness.longest > 0.9
    assert stream.sent.lateness.quantile(0.75) > 0.1  # all that was due in that second


async def test_what_is_overdue_is_sent_in_random_order() -> None:
    """All is a second late: no run's place in the list decides when its request is sent."""
    heard: list[str] = []

    async def handle(request_id: str) -> int:
        heard.append(request_id)
        return 200

    async with answering(handle) as url, Client.open(1000.0, deadline=30.0) as client:
        ids = request_ids(0, 40)
        start = time.monotonic() - 1.0
        streams = [Stream(url, [each], start + n / 1000) for n, each in enumerate(ids)]
        await client.run(streams)
    assert sorted(heard) == sorted(ids)
    assert heard != ids


async def test_latency_counts_from_the_time_a_request_was_due() -> None:
    """The requests were due a second ago: we are late, and the latency says so."""

    async def handle(_: str) -> int:
        return 200

    async with answering(handle) as url, Client.open(1000.0, deadline=30.0) as client:
        result = await run(client, url, request_ids(0, 5), time.monotonic() - 1.0)
    assert result.lateness.longest >= 0.99
    assert result.facts()["latency_ms"]["p50"] >= 950


async def test_what_was_turned_away_and_what_was_never_answered_is_counted() -> None:
    statuses = {each: (200, 503, None, 502)[n % 4] for n, each in enumerate(request_ids(0, 40))}
    heard = 0

    async def handle(request_id: str) -> int | None:
        return statuses[request_id]

    def on_answer() -> None:
        nonlocal heard
        heard += 1

    async with answering(handle) as url, Client.open(500.0, deadline=30.0) as client:
        stream = Stream(url, request_ids(0, 40), time.monotonic())
        await client.run([stream], on_answer)
        result = stream.sent
    assert (result.delivered, result.turned_away, result.unanswered) == (10, 10, 10)
    assert result.answered == heard == 40
    assert result.latency.count == 40


async def test_a_balancer_that_is_gone_answers_nothing() -> None:
    async with Client.open(500.0, deadline=30.0) as client:
        result = await run(client, "http://127.0.0.1:1/", request_ids(0, 5), time.monotonic())
    assert (result.delivered, result.unanswered) == (0, 5)


def test_one_request_has_no_rate() -> None:
    one = Sent(1, first_send=5.0, last_send=5.0, last_answer=5.5)
    assert one.facts() == {
        "offered_rate": None,
        "latency_ms": {"p50": None, "p99": None},
        "seconds": 0.5,
    }
