"""Servers that answer every request with 200, at once or a while later: several ports, one process.

.venv/bin/python -m benchmarks.parts.always_ok 4000 4001 4002
"""

import argparse
import asyncio
from functools import partial
from typing import cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class AlwaysOk(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


async def serve(ports: list[int], delay: float) -> None:
    loop = asyncio.get_running_loop()
    new = partial(AlwaysOk, delay)
    listeners = [await loop.create_server(new, "127.0.0.1", port) for port in ports]
    await asyncio.gather(*(listener.serve_forever() for listener in listeners))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ports", nargs="+", type=int)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds until each answer")
    said = parser.parse_args()
    uvloop.run(serve(said.ports, said.delay))


if __name__ == "__main__":
    main()
