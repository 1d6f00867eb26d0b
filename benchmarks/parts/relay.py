"""The least that passes requests on: no routes, no strategy, no records.  Servers in turn.

    .venv/bin/python -m benchmarks.parts.relay --port 8000 --server http://127.0.0.1:4000

``--asgi`` has uvicorn in front in place of the project's own server.
"""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any

import uvloop

from benchmarks.parts import on_uvicorn
from flaky_load_balancer.proxy.http1 import (
    Client,
    Exchange,
    HttpServer,
    Listener,
    UpstreamError,
    answer_length,
    body_length,
    end_to_end,
    relay,
)

HOST = "127.0.0.1"
ADDED = {b"host", b"content-length"}  # by the client
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Relay:
    """The handler of the project's own server."""

    def __init__(self, servers: list[str]) -> None:
        client = Client()
        self._turns = cycle([(client.upstream(url), url[7:].encode()) for url in servers])

    async def __call__(self, exchange: Exchange) -> None:
        head = exchange.head
        upstream, host = next(self._turns)
        headers = [(b"Host", host)]
        headers += [h for h in end_to_end(head.headers, head.named) if h[0] != b"Host"]
        connection = await upstream.connect()
        try:
            connection.send(head.method, head.path, headers, body_length(head.length))
            exchange.body.pipe(connection)
            answer = await connection.answer()
            headers = end_to_end(answer.headers, answer.named)
            length = answer_length(answer, head.method)
            exchange.respond(answer.status, answer.reason, headers, length)
            await relay(connection, exchange)
        except UpstreamError as error:
            exchange.abort() if exchange.responded else exchange.reply(502, [], str(error).encode())
        finally:
            exchange.body.unpipe()
            connection.release()


class AsgiRelay:
    """The same as an ASGI app, for bodies that fit into one piece."""

    def __init__(self, servers: list[str]) -> None:
        client = Client()
        self._turns = cycle([(client.upstream(url), url[7:].encode()) for url in servers])

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = (await receive())["body"]
        upstream, host = next(self._turns)
        headers = [(b"Host", host)] + [h for h in scope["headers"] if h[0] not in ADDED]
        connection = await upstream.connect()
        try:
            connection.send(scope["method"].encode(), scope["raw_path"], headers, body=body)
            answer = await connection.answer()
            content = await connection.body.read_all()
        finally:
            connection.release()
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        await send(start)
        await send({"type": "http.response.body", "body": content})


async def serve(port: int, servers: list[str]) -> None:
    listening = socket.create_server((HOST, port), backlog=2048)
    Listener(listening, HttpServer(Relay(servers)))
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    await asyncio.Event().wait()


def main() -> None:
    parser = on_uvicorn.options(__doc__)
    parser.add_argument("--asgi", action="store_true")
    asked = parser.parse_args()
    if asked.asgi:
        on_uvicorn.serve(AsgiRelay(asked.server), asked.port, lifespan="off")
    else:
        uvloop.run(serve(asked.port, asked.server))


if __name__ == "__main__":
    main()
