"""Servers that answer every request with 200 at once: several ports, one process.

.venv/bin/python -m benchmarks.parts.always_ok 4000 4001 4002
"""

import argparse
import asyncio
from typing import cast

import httptools
import uvloop

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


async def serve(ports: list[int]) -> None:
    loop = asyncio.get_running_loop()
    listeners = [await loop.create_server(AlwaysOk, "127.0.0.1", port) for port in ports]
    await asyncio.gather(*(listener.serve_forever() for listener in listeners))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ports", nargs="+", type=int)
    uvloop.run(serve(parser.parse_args().ports))


if __name__ == "__main__":
    main()
