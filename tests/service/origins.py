"""Servers that do as a script says and remember what they got, and a service before them."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, TypeVar

import httpx

from flaky_load_balancer.config import PoolSettings, RouteSettings, ServerSettings, Settings
from flaky_load_balancer.records import NoRecorder
from flaky_load_balancer.service.running import Service

NOBODYS = cycle(range(1, 7))  # ports
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS = {
    "ok": OK,
    "500": b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nX-Mine: yes\r\n\r\noops",
    "404": b"HTTP/1.1 404 Not here\r\nContent-Length: 4\r\n\r\ngone",
    "429": b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow",
    "503": b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
    "503-later": b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno",
    "425": b"HTTP/1.1 425 Early\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"SMTP ready\r\n\r\n",
    "half-head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half-body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "half-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    "large-500": b"HTTP/1.1 500 Oops\r\nContent-Length: 300000\r\n\r\n" + 300_000 * b"x",
}
ENDS = {"garbage", "half-head", "half-body", "half-chunk"}  # the connection, after the answer


@dataclass
class Seen:
    """One request as a server got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


@dataclass
class Origin:
    """A server; ``plan`` says what it does with the n-th request, the last entry with the rest."""

    plan: list[str]
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    talking: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def stop(self) -> None:
        """End what is still going on, so that no connection outlives its loop."""
        for task, writer in self.talking.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self.talking, return_exceptions=True)
        await asyncio.sleep(0)  # in which the loop closes their sockets

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.talking[task] = writer
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        pairs = [line.partition(":") for line in lines[1:] if line]
        headers = [(name, value.strip()) for name, _, value in pairs]
        does = self.plan[min(len(self.seen), len(self.plan) - 1)]
        seen = Seen(method, target, headers, b"")
        self.seen.append(seen)
        seen.body = await self._body(reader, seen)
        return await self.do(does, seen, writer)

    async def do(self, does: str, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        """Answer; whether the connection goes on."""
        if does == "reset":
            opened = writer.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if does == "close":
            return False
        if does == "hang":
            await asyncio.sleep(1e6)
        if does == "hold":
            await self.held.wait()
            does = "ok"
        writer.write(ANSWERS[does])
        await writer.drain()
        return does not in ENDS

    async def _body(self, reader: asyncio.StreamReader, seen: Seen) -> bytes:
        if seen.all("transfer-encoding"):
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readline()
            return body
        length = seen.all("content-length")
        return await reader.readexactly(int(length[0])) if length else b""


Kind = TypeVar("Kind", bound=Origin)


def free_url() -> str:
    """Where nobody listens: systems give these ports to no other test."""
    return f"http://127.0.0.1:{next(NOBODYS)}"


@asynccontextmanager
async def origins(*plans: list[str]) -> AsyncIterator[list[Origin]]:
    """Servers with these plans."""
    async with listening([Origin(plan) for plan in plans]) as found:
        yield found


@asynccontextmanager
async def listening(found: Sequence[Kind]) -> AsyncIterator[list[Kind]]:
    """These servers, each on a port of its own."""
    async with AsyncExitStack() as stack:
        for origin in found:
            server = await asyncio.start_server(origin.talk, "127.0.0.1", 0)
            stack.push_async_callback(origin.stop)
            stack.callback(server.close)
            origin.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield list(found)


@dataclass
class Served:
    """A service that runs, with a client for each of its planes."""

    service: Service
    http: httpx.AsyncClient
    admin: httpx.AsyncClient
    port: int

    def route(self, name: str = "r") -> Any:
        return next(route for route in self.service.routes.shown if route.name == name)


def settings(urls: list[str], **route: Any) -> Settings:
    """One route ``/`` over these servers, which are tried in turn."""
    servers = tuple(ServerSettings.at(url) for url in urls)
    known = {"strategy": "round-robin"} | route
    routes = (RouteSettings("r", "/", "p", **known),)
    return Settings({"p": PoolSettings(servers)}, routes, data_dir=None, drain=0.5)


@asynccontextmanager
async def serving(
    found: Settings, read: Callable[[], Settings] | None = None
) -> AsyncIterator[Served]:
    """A service in this process, on free ports, without records."""
    async with AsyncExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        urls = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        service = Service(found, NoRecorder(), "s", read)
        await stack.enter_async_context(service.running(sockets[0], sockets[1], urls[0]))
        limits = httpx.Limits(max_connections=None)
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=20, limits=limits, verify=False)
            )
            for url in urls
        ]
        yield Served(service, clients[0], clients[1], sockets[0].getsockname()[1])
