"""Flaky servers on real sockets: what HTTP shows of them, and that they clean up."""

import asyncio
import json
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import uvloop

from flaky_load_balancer.simulation.fleets.connection import LARGEST_BODY
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.listeners import listening, serve_fleets
from flaky_load_balancer.simulation.fleets.live import FleetAddress, LiveFleet
from flaky_load_balancer.simulation.fleets.ports import PortError
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import (
    Failure,
    Latency,
    Limit,
    PerServer,
    Scenario,
    Stretch,
    find,
    parse,
)

ID = b"abcdefghijklmnopqrstuvwx"
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on the loop that serves, and on the one that Python brings."""

    def with_limit(work: Coroutine[Any, Any, None]) -> None:
        async def limited() -> None:
            await asyncio.wait_for(work, 20)

        (uvloop if request.param == "uvloop" else asyncio).run(limited())

    return with_limit


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, with nothing between the test and the bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, method: str = "POST", path: str = "/", body: bytes = ID, more: str = "") -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        self.writer.write(head.encode() + body)

    async def receive(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(head[0].split()[1]), headers, body)

    async def ask(self, *args: Any, **kwargs: Any) -> Answer:
        self.send(*args, **kwargs)
        return await self.receive()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    host, port = url.removeprefix("http://").split(":")
    client = Client(*await asyncio.open_connection(host, int(port)))
    try:
        yield client
    finally:
        client.writer.close()


def scenario(
    failure: float = 0.0, limit: Limit | None = None, *faults: Stretch, median: float = 0.0
) -> Scenario:
    rates = (failure,) * 2
    return Scenario(
        name="test",
        servers=2,
        failure=Failure(PerServer(rates, rates)),
        limits=() if limit is None else (limit,),
        latency=Latency(median, 0.0),
        faults=faults,
    )


def fixed(admissions: float, window: float = 60.0, *, retry_after: bool = False) -> Limit:
    each = (admissions,) * 2
    return Limit("fixed-window", window, PerServer(each, each), retry_after=retry_after)


def with_client(of: Scenario, work: Callable[[Client], Awaitable[None]]) -> Any:
    """The coroutine that lets a client of server 0 do its work."""

    async def main() -> None:
        async with listening([of]) as [fleet], connected(fleet.ports[0].url) as client:
            await work(client)

    return main()


class TestHttp:
    def test_the_three_outcomes(self, run: Run) -> None:
        async def work(client: Client) -> None:
            assert (await client.ask()).status == 200
            refused = await client.ask()
            assert refused.status == 429
            assert "retry-after" not in refused.headers
            assert json.loads(refused.body) == {"outcome": "rate-limited"}

        async def failing(client: Client) -> None:
            assert (await client.ask()).status == 500

        run(with_client(scenario(0.0, fixed(1)), work))
        run(with_client(scenario(1.0), failing))

    def test_retry_after_is_in_whole_seconds(self, run: Run) -> None:
        async def work(client: Client) -> None:
            await client.ask()
            assert int((await client.ask()).headers["retry-after"]) in {29, 30}

        run(with_client(scenario(0.0, fixed(1, 29.5, retry_after=True)), work))

    def test_other_requests_are_no_attempts(self, run: Run) -> None:
        async def work(client: Client) -> None:
            assert (await client.ask(path="/other")).status == 404
            put = await client.ask("PUT")
            assert (put.status, put.headers["allow"]) == (405, "get, post")
            await client.ask()
            await client.ask(path="/?query")
            status = json.loads((await client.ask("GET", body=b"")).body)
            assert status == {
                "scenario": "test", "copy": 0, "server": 0, "answered": 2, "admitted": 1
            }  # fmt: skip

        run(with_client(scenario(0.0, fixed(1)), work))

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + b"x" * 5000, 413),
            (
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"1000\r\n" + b"x" * 4096 + b"\r\n1\r\nx\r\n",
                413,
            ),
        ],
    )  # fmt: skip
    def test_what_is_not_for_us_ends_the_connection(
        self, run: Run, sent: bytes, status: int
    ) -> None:
        async def work(client: Client) -> None:
            client.writer.write(sent)
            answer = await client.receive()
            assert answer.status == status
            assert answer.headers["connection"] == "close"
            assert await client.reader.read() == b""

        run(with_client(scenario(), work))

    @pytest.mark.parametrize("median", [0.0, 0.002])
    def test_nonsense_after_requests_is_refused_after_them(self, run: Run, median: float) -> None:
        async def work(client: Client) -> None:
            client.send()
            client.send()
            client.writer.write(b"nonsense\r\n\r\n" * 3)
            assert [(await client.receive()).status for _ in range(3)] == [200, 200, 400]
            assert await client.reader.read() == b""

        run(with_client(scenario(median=median), work))

    @pytest.mark.parametrize("median", [0.0, 0.002])
    def test_upgrades_are_not_followed(self, run: Run, median: float) -> None:
        async def work(client: Client) -> None:
            client.send(more="Upgrade: h2c\r\nConnection: upgrade\r\n")
            client.writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert (await client.receive()).status == 200
            assert await client.reader.read() == b""

        run(with_client(scenario(median=median), work))

    def test_a_client_that_sends_too_much_at_once_waits(self, run: Run) -> None:
        async def work(client: Client) -> None:
            for _ in range(500):
                client.send()
            assert [(await client.receive()).status for _ in range(500)] == [200] * 500

        run(with_client(scenario(median=0.0006), work))

    def test_bodies_up_to_the_limit_are_taken(self, run: Run) -> None:
        async def work(client: Client) -> None:
            assert (await client.ask(body=b"x" * LARGEST_BODY)).status == 200
            client.writer.write(
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"18\r\n" + ID + b"\r\n0\r\n\r\n"
            )
            assert (await client.receive()).status == 200

        run(with_client(scenario(), work))

    def test_connections_close_when_asked(self, run: Run) -> None:
        async def work(client: Client) -> None:
            assert (await client.ask(more="Connection: close\r\n")).status == 200
            assert await client.reader.read() == b""

        run(with_client(scenario(), work))

    @pytest.mark.parametrize("median", [0.0, 0.002])
    def test_pipelined_requests_are_answered_in_order(self, run: Run, median: float) -> None:
        async def work(client: Client) -> None:
            for place in range(200):
                client.send(path="/" if place % 3 else "/other")
            found = [(await client.receive()).status for _ in range(200)]
            assert found == [200 if place % 3 else 404 for place in range(200)]

        run(with_client(scenario(median=median), work))

    def test_requests_in_pieces_are_put_together(self, run: Run) -> None:
        async def work(client: Client) -> None:
            whole = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n" + ID
            for place in range(len(whole)):
                client.writer.write(whole[place : place + 1])
                await asyncio.sleep(0)
            assert (await client.receive()).status == 200

        run(with_client(scenario(), work))

    def test_clients_may_leave(self, run: Run) -> None:
        async def main() -> None:
            async with listening([scenario(median=0.05)]) as [fleet]:
                for _ in range(5):
                    async with connected(fleet.ports[0].url) as client:
                        client.send()
                        client.send()
                        await client.writer.drain()
                await asyncio.sleep(0.2)
                async with connected(fleet.ports[0].url) as client:
                    assert (await client.ask()).status == 200

        run(main())

    def test_latency_is_the_scenarios(self, run: Run) -> None:
        async def work(client: Client) -> None:
            found = []
            for _ in range(15):
                began = time.perf_counter()
                await client.ask()
                found.append(time.perf_counter() - began)
            assert statistics.median(found) > 0.019

        run(with_client(scenario(median=0.02), work))


def troubled(kind: str, end: float = 0.3, **more: float) -> Scenario:
    """Server 0 is in trouble until then, and well again afterwards."""
    return scenario(0.0, None, Stretch((0,), 0.0, end, kind, **more))


class TestFaults:
    def test_down_refuses_connections_and_comes_back(self, run: Run) -> None:
        async def main() -> None:
            fault = Stretch((0,), 0.1, 0.8, "down")
            async with listening([scenario(0.0, None, fault)]) as [fleet]:
                url, other = (port.url for port in fleet.ports)
                async with connected(url) as client:
                    assert (await client.ask()).status == 200  # t = 0
                    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                        await client.receive()  # cut at t = 0.1
                await asyncio.sleep(0.05)
                with pytest.raises(ConnectionRefusedError):
                    await connected(url).__aenter__()
                async with connected(other) as client:
                    assert (await client.ask()).status == 200
                await asyncio.sleep(0.8)
                async with connected(url) as client:
                    assert (await client.ask()).status == 200

        run(main())

    def test_a_server_that_is_down_from_the_start_cuts_the_first_attempt(self, run: Run) -> None:
        async def main() -> None:
            async with listening([troubled("down", 60.0)]) as [fleet]:
                async with connected(fleet.ports[0].url) as client:
                    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                        await client.ask()
                await asyncio.sleep(0.1)
                with pytest.raises(ConnectionRefusedError):
                    await connected(fleet.ports[0].url).__aenter__()

        run(main())

    def test_hang_never_answers(self, run: Run) -> None:
        async def work(client: Client) -> None:
            client.send()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.reader.read(1), 0.5)

        run(with_client(troubled("hang"), work))

    def test_reset_cuts_the_connection(self, run: Run) -> None:
        async def work(client: Client) -> None:
            with pytest.raises(ConnectionResetError):
                await client.ask()

        run(with_client(troubled("reset"), work))

    def test_garbage_is_not_http(self, run: Run) -> None:
        async def work(client: Client) -> None:
            client.send()
            answer = await client.reader.read()
            assert answer
            assert not answer.startswith(b"HTTP/")

        run(with_client(troubled("garbage"), work))

    @pytest.mark.parametrize("kind", ["hang", "reset", "garbage"])
    def test_trouble_ends(self, run: Run, kind: str) -> None:
        async def main() -> None:
            async with listening([troubled(kind, 0.2)]) as [fleet]:
                async with connected(fleet.ports[1].url) as client:
                    await client.ask()  # t = 0
                await asyncio.sleep(0.25)
                async with connected(fleet.ports[0].url) as client:
                    assert (await client.ask()).status == 200

        run(main())

    def test_slow_is_late(self, run: Run) -> None:
        async def work(client: Client) -> None:
            began = time.perf_counter()
            assert (await client.ask()).status == 200
            assert time.perf_counter() - began > 0.19

        run(with_client(troubled("slow", delay=0.2), work))

    def test_error_fails(self, run: Run) -> None:
        async def work(client: Client) -> None:
            assert (await client.ask()).status == 500
            await asyncio.sleep(0.35)
            assert (await client.ask()).status == 200

        run(with_client(troubled("error"), work))


class TestFleets:
    def test_live_servers_decide_as_the_virtual_ones(self, run: Run) -> None:
        of = scenario(0.5, fixed(30))
        arms = np.random.default_rng(0).integers(2, size=100)

        async def statuses(fleet: LiveFleet) -> list[int]:
            async with connected(fleet.ports[0].url) as one, connected(fleet.ports[1].url) as two:
                return [(await (one, two)[arm].ask()).status for arm in arms]

        async def main() -> None:
            virtual = Servers(Fleet.draw(of, 9))
            row, now = np.zeros(1, dtype=np.intp), np.zeros(1)
            codes = (200, 500, 429)
            expected = [
                codes[virtual.respond(row, np.array([arm]), now).outcome[0]] for arm in arms
            ]
            assert set(expected) == {200, 500, 429}
            async with listening([of], seed=9, copies=2) as fleets:
                for fleet in fleets:
                    assert await statuses(fleet) == expected

        run(main())

    def test_copies_listen_higher(self, run: Run) -> None:
        async def main() -> None:
            of = replace(scenario(), port=(first := room_for(6)))
            async with listening([of], copies=3) as fleets:
                assert [fleet.address for fleet in fleets] == [
                    FleetAddress(
                        scenario="test",
                        copy=copy,
                        servers=[
                            f"http://127.0.0.1:{first + 2 * copy + server}" for server in (0, 1)
                        ],
                    )
                    for copy in (0, 1, 2)
                ]
            async with listening([of], copies=1, free_ports=True) as [fleet]:
                assert f":{first}" not in fleet.address["servers"][0]

        run(main())

    def test_a_taken_port_is_named_and_nothing_is_served(self, run: Run) -> None:
        async def main() -> None:
            first = room_for(6)
            of = replace(scenario(), port=first)
            with socket.create_server(("127.0.0.1", first + 3)):
                with pytest.raises(PortError, match=rf"port {first + 3} \(test, copy 1\) is taken"):
                    await listening([of], copies=3).__aenter__()
                with socket.socket() as probe:
                    assert probe.connect_ex(("127.0.0.1", first))

        run(main())

    @pytest.mark.parametrize("port", [1, 65530])
    def test_ports_that_cannot_be_had_are_named(self, run: Run, port: int) -> None:
        async def main() -> None:
            with pytest.raises(PortError, match=rf"^port {wrong} "):
                await listening([replace(scenario(), port=port)], copies=4, host=host).__aenter__()

        # Port 1 may be had by an administrator: an address that is not ours may not.
        wrong, host = (1, "192.0.2.1") if port == 1 else (65536, "127.0.0.1")
        run(main())

    def test_hundreds_of_servers_fit_into_one_process(self, run: Run) -> None:
        async def main() -> None:
            async with listening([find("T2")], copies=40, free_ports=True) as fleets:
                urls = [url for fleet in fleets for url in fleet.address["servers"]]
                assert len(set(urls)) == 400
                async with connected(urls[-1]) as client:
                    assert (await client.ask()).status in {200, 500}

        run(main())

    def test_a_fleet_can_begin_anew(self, run: Run) -> None:
        async def statuses(url: str) -> list[int]:
            async with connected(url) as client:
                return [(await client.ask()).status for _ in range(40)]

        async def main() -> None:
            async with listening([scenario(0.5, fixed(30))]) as [fleet]:
                first = await statuses(fleet.ports[0].url)
                fleet.restart()
                assert await statuses(fleet.ports[0].url) == first
                assert set(first) == {200, 500, 429}

        run(main())

    def test_serving_ends_at_once_with_hanging_connections(self, run: Run) -> None:
        async def main() -> None:
            stop = asyncio.Event()
            told: asyncio.Future[list[FleetAddress]] = asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(
                serve_fleets([troubled("hang", 60.0)], until=stop.wait(), ready=told.set_result)
            )
            urls = (await told)[0]["servers"]
            async with connected(urls[0]) as client:
                client.send()
                await asyncio.sleep(0.05)
                stop.set()
                async with asyncio.timeout(30):  # half of what that connection would hang
                    await serving
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await client.receive()
            for url in urls:
                with pytest.raises(ConnectionRefusedError):
                    await connected(url).__aenter__()
            port = int(urls[0].rpartition(":")[2])
            async with listening([replace(scenario(), port=port, servers=1)]):
                pass

        run(main())


def room_for(count: int) -> int:
    """The first of so many neighbouring ports that are free now."""
    start = 20_000 + os.getpid() % 700 * 16  # apart from other test processes
    for first in range(start, 32_500, 16):
        opened = []
        try:
            for port in range(first, first + count):
                opened.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        else:
            return first
        finally:
            for each in opened:
                each.close()
    raise AssertionError("no room")


def test_a_server_counts_the_tokens_that_its_client_says(run: Run) -> None:
    """Two servers of one account; the size comes with the request, else from its id."""
    text = """
name = "sized"
servers = 2
failure.values = [0, 0]
size = { median = 50, sigma = 0.5 }
[[limits]]
account = "a"
unit = "tokens"
kind = "fixed-window"
window = 600
values = [1000]
"""

    async def main() -> None:
        async with listening([parse(text, source="test")], free_ports=True) as (fleet,):
            first, second = fleet.address["servers"]
            async with connected(first) as one, connected(second) as other:
                assert (await one.ask(more="X-FLB-Size: 600\r\n")).status == 200
                assert (await other.ask(more="X-FLB-Size: 500\r\n")).status == 429
                assert (await other.ask(more="x-flb-size: 400\r\n")).status == 200
                assert (await one.ask()).status == 429
            assert fleet.servers.remaining(time.monotonic())[0].tolist() == [0, 0]

    run(main())
