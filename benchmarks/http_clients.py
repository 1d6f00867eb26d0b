"""Which HTTP client is quick enough for the data plane?  Requests a second and CPU time of each.

    .venv/bin/python -m benchmarks.http_clients --seconds 3

Sixteen workers in one event loop post 24 bytes to servers that always answer.  ``own`` is a
yardstick: what remains of an HTTP client when nothing is left to take away.
"""

import argparse
import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import aiohttp
import httptools
import httpx
import uvloop
from yarl import URL

from benchmarks.parts.processes import MEASURED, always_ok, end_on_sigterm, pin

WORKERS = 16
ID = b"0123456789abcdefghijABCD"
TEXT = {"Content-Type": "text/plain"}

Post = Callable[[int], Awaitable[int]]  # the index of a server -> the status it answered
Client = Callable[[list[str]], AbstractAsyncContextManager[Post]]


@asynccontextmanager
async def with_httpx(servers: list[str]) -> AsyncIterator[Post]:
    async with httpx.AsyncClient(timeout=None) as client:

        async def post(server: int) -> int:
            return (await client.post(servers[server], content=ID, headers=TEXT)).status_code

        yield post


@asynccontextmanager
async def with_aiohttp(servers: list[str]) -> AsyncIterator[Post]:
    urls = [URL(server) for server in servers]
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        timeout=aiohttp.ClientTimeout(),
        headers=TEXT,
    ) as session:

        async def post(server: int) -> int:
            async with session.post(urls[server], data=ID) as answer:
                await answer.read()
                return answer.status

        yield post


class Connection(asyncio.Protocol):
    """One kept-alive connection of the ``own`` client; one request at a time."""

    answer: asyncio.Future[int]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpResponseParser(self)

    def post(self, request: bytes) -> asyncio.Future[int]:
        self.answer = self.loop.create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.answer.set_result(self.parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        if hasattr(self, "answer") and not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError())


@asynccontextmanager
async def with_own(servers: list[str]) -> AsyncIterator[Post]:
    loop = asyncio.get_running_loop()
    urls = [URL(server) for server in servers]
    requests = [
        f"POST / HTTP/1.1\r\nHost: {url.authority}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(ID)}\r\n\r\n".encode()
        + ID
        for url in urls
    ]
    idle: dict[int, list[Connection]] = defaultdict(list)

    async def post(server: int) -> int:
        pool = idle[server]
        if pool:
            connection = pool.pop()
        else:
            url = urls[server]
            _, connection = await loop.create_connection(Connection, url.host or "", url.port or 80)
        status = await connection.post(requests[server])
        pool.append(connection)
        return status

    yield post
    for pool in idle.values():
        for connection in pool:
            connection.transport.close()


CLIENTS: dict[str, Client] = {"httpx": with_httpx, "aiohttp": with_aiohttp, "own": with_own}


async def measure(client: Client, servers: list[str], seconds: float) -> tuple[float, float]:
    """Requests a second, and microseconds of this process's CPU time for each."""

    async def work(post: Post, worker: int, until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            status = await post((worker + done) % len(servers))
            assert status == 200
            done += 1
        return done

    async def phase(post: Post, seconds: float) -> int:
        until = time.perf_counter() + seconds
        return sum(await asyncio.gather(*(work(post, w, until) for w in range(WORKERS))))

    async with client(servers) as post:
        await phase(post, 0.3)  # connections are made, caches are warm
        began, cpu = time.perf_counter(), time.process_time()
        done = await phase(post, seconds)
        return done / (time.perf_counter() - began), 1e6 * (time.process_time() - cpu) / done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each client")
    parser.add_argument("--servers", type=int, default=10)
    options = parser.parse_args()
    pin(MEASURED)
    end_on_sigterm()
    with always_ok(options.servers) as servers:
        print(f"{'client':<10}{'requests/s':>12}{'ratio':>8}{'CPU us each':>14}{'ratio':>8}")
        first: tuple[float, float] | None = None
        for name, client in CLIENTS.items():
            rate, cpu = uvloop.run(measure(client, servers, options.seconds))
            first = first or (rate, cpu)
            print(
                f"{name:<10}{rate:>12,.0f}{rate / first[0]:>8.1f}"
                f"{cpu:>14.0f}{first[1] / cpu:>8.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
