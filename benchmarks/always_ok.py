"""Servers that answer every request with 200 at once: several ports, one process.

    .venv/bin/python -m benchmarks.always_ok --servers 10

Prints the URLs, one a line, when they listen; ends when its standard input is closed.
"""

import argparse
import asyncio
import sys
from typing import cast

import httptools
import uvloop

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class AlwaysOk(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)


async def serve(servers: int) -> None:
    loop = asyncio.get_running_loop()
    listeners = [await loop.create_server(AlwaysOk, HOST, 0) for _ in range(servers)]
    for listener in listeners:
        print(f"http://{HOST}:{listener.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", type=int, default=10)
    uvloop.run(serve(parser.parse_args().servers))


if __name__ == "__main__":
    main()
