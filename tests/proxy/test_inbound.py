"""What reaches the app, and what is refused below it: raw bytes against a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import orjson
import uvicorn

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.ids import DataPlane, Gate
from flaky_load_balancer.proxy.inbound import LARGEST_HEAD, Inbound
from flaky_load_balancer.proxy.route import Route
from tests.routes import ID, answering, route


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(served: Route) -> AsyncIterator[int]:
    """A balancer on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        DataPlane([served], Gate(10)), http=Inbound, lifespan="off", log_config=None
    )
    server = Server(config)
    task = asyncio.create_task(server.serve([listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def said(*pieces: bytes) -> tuple[int, dict[str, object]]:
    """Send these bytes; the status and the JSON of the answer."""
    async with serving(route(answering(*[Outcome.SUCCEEDED] * 3))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().splitlines()
                if line.startswith(b"content-length")
            )
            body = await reader.readexactly(length)
        finally:
            writer.close()
    return int(head.split()[1]), orjson.loads(body)


POST = b"POST / HTTP/1.1\r\nHost: balancer\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n"


async def test_a_plain_request() -> None:
    status, body = await said(POST + b"\r\n" + ID.encode())
    assert (status, body["id"]) == (200, ID)


async def test_an_offer_to_upgrade_is_not_taken_up_and_loses_nothing() -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEA\r\n"
    status, body = await said(POST + offer + b"\r\n", ID.encode())
    assert (status, body["id"]) == (200, ID)


async def test_a_body_that_speaks_of_upgrades_stays_as_it_is() -> None:
    status, body = await said(POST + b"\r\n", b"aaa\r\nupgrade: yes\r\naaaaa")
    assert status == 422
    assert "got 24" in str(body["detail"])


async def test_a_head_that_does_not_end_is_431() -> None:
    status, body = await said(POST + b"X-Long: ", b"a" * LARGEST_HEAD, b"a" * 1000)
    assert (status, body["status"]) == (431, 431)


async def test_what_is_not_http_is_400_with_problem_details() -> None:
    for nonsense in (b"nonsense\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n", b"post / HTTP/1.1\r\n\r\n"):
        status, body = await said(nonsense)
        assert (status, body["title"]) == (400, "Bad Request")


async def test_requests_on_one_connection_each_have_their_own_head() -> None:
    async with serving(route(answering(*[Outcome.SUCCEEDED] * 40))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(40):  # together their heads are longer than one may be
            writer.write(POST + b"X-Pad: " + b"a" * 4000 + b"\r\n\r\n" + ID.encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
