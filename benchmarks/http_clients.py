"""Which HTTP client is quick enough for the data plane?  Requests a second and CPU time of each.

    .venv/bin/python -m benchmarks.http_clients --seconds 3

Sixteen workers in one event loop post 24 bytes to servers that always answer; then one large body
is streamed.  ``own`` is the project's client.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from typing import NamedTuple

import aiohttp
import httpx
import uvloop
from yarl import URL

from benchmarks.parts.processes import MEASURED, always_ok, bodies, end_on_sigterm, pin
from flaky_load_balancer.proxy import http1

WORKERS = 16
ID = b"0123456789abcdefghijABCD"
TEXT = {"Content-Type": "text/plain"}

TEXT_BYTES = [(b"Content-Type", b"text/plain")]
LARGE = 1 << 26  # bytes of a body that is streamed

Post = Callable[[int], Awaitable[int]]  # the index of a server -> the status it answered
Download = Callable[[int, str], Awaitable[int]]  # a server and a path -> bytes of the body


class Calls(NamedTuple):
    """What a client is asked to do."""

    post: Post
    download: Download


Client = Callable[[list[str]], AbstractAsyncContextManager[Calls]]


@asynccontextmanager
async def with_httpx(servers: list[str]) -> AsyncIterator[Calls]:
    async with httpx.AsyncClient(timeout=None) as client:

        async def post(server: int) -> int:
            return (await client.post(servers[server], content=ID, headers=TEXT)).status_code

        async def download(server: int, path: str) -> int:
            size = 0
            async with client.stream("GET", servers[server] + path) as answer:
                async for piece in answer.aiter_raw():
                    size += len(piece)
            return size

        yield Calls(post, download)


@asynccontextmanager
async def with_aiohttp(servers: list[str]) -> AsyncIterator[Calls]:
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

        async def download(server: int, path: str) -> int:
            size = 0
            async with session.get(servers[server] + path) as answer:
                async for piece in answer.content.iter_any():
                    size += len(piece)
            return size

        yield Calls(post, download)


@asynccontextmanager
async def with_own(servers: list[str]) -> AsyncIterator[Calls]:
    with closing(http1.Client()) as client:
        upstreams = [client.upstream(server) for server in servers]
        headers = [[(b"Host", server[7:].encode()), *TEXT_BYTES] for server in servers]

        async def post(server: int) -> int:
            connection = await upstreams[server].connect(10.0)
            try:
                connection.send(b"POST", b"/", headers[server], body=ID)
                answer = await connection.answer()
                await connection.body.read_all()
            finally:
                connection.release()
            return answer.status

        async def download(server: int, path: str) -> int:
            size = 0
            connection = await upstreams[server].connect(10.0)
            try:
                connection.send(b"GET", path.encode(), headers[server])
                await connection.answer()
                while piece := await connection.body.read():
                    size += len(piece)
            finally:
                connection.release()
            return size

        yield Calls(post, download)


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

    async with client(servers) as (post, _):
        await phase(post, 0.3)  # connections are made, caches are warm
        began, cpu = time.perf_counter(), time.process_time()
        done = await phase(post, seconds)
        return done / (time.perf_counter() - began), 1e6 * (time.process_time() - cpu) / done


async def measure_download(client: Client, server: str) -> float:
    """Milliseconds of CPU time for each MiB of a large body."""
    async with client([server]) as (_, download):
        await download(0, f"/{1 << 20}")
        before = time.process_time()
        assert await download(0, f"/{LARGE}") == LARGE
        return 1000 * (time.process_time() - before) / (LARGE >> 20)


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
    with bodies() as server:
        print(f"\n{'client':<10}{'CPU ms per MiB':>16}{'ratio':>8}")
        slowest: float | None = None
        for name, client in CLIENTS.items():
            cost = uvloop.run(measure_download(client, server))
            slowest = slowest or cost
            print(f"{name:<10}{cost:>16.3f}{slowest / cost:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
