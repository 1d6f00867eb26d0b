"""A language model that answers at once, streamed (20 chunks) or not, as it is asked.

.venv/bin/python -m benchmarks.parts.model_server 4000 --pause 0.5
"""

import argparse
import asyncio
import json
from itertools import count
from typing import cast

import httptools
import uvloop

USAGE = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}
ID = "chatcmpl-00000000"  # in whose place each answer has its own
COMMON = {"id": ID, "created": 1, "model": "fake"}
MESSAGE = {"role": "assistant", "content": "word " * 20}
WHOLE = json.dumps(
    {
        **COMMON,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {**COMMON, "object": "chat.completion.chunk", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


EVENTS = [*[_chunk({"content": "word "})] * 20, _chunk({}, "stop"), b"data: [DONE]\n\n"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: "
PLAIN = HEAD + b"application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE)
STREAM = [
    HEAD + b"text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    *(b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS),
    b"0\r\n\r\n",
]
ANSWERS = count(1)


class ModelServer(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes."""

    def __init__(self, pause: float) -> None:
        self._pause = pause  # seconds before each chunk of a stream
        self._id = ID.encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._id = b"chatcmpl-%08d" % next(ANSWERS)
        if b'"stream":true' in self.body.replace(b" ", b""):
            self._stream()
        else:
            self._write(PLAIN)
        self.body = b""

    def _stream(self) -> None:
        """One write for each chunk, as a model does it."""
        for number, piece in enumerate(STREAM):
            if self._pause:
                asyncio.get_running_loop().call_later(number * self._pause, self._write, piece)
            else:
                self._write(piece)

    def _write(self, piece: bytes) -> None:
        self.transport.write(piece.replace(ID.encode(), self._id))


async def serve(port: int, pause: float) -> None:
    listener = await asyncio.get_running_loop().create_server(
        lambda: ModelServer(pause), "127.0.0.1", port
    )
    await listener.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between chunks")
    asked = parser.parse_args()
    uvloop.run(serve(asked.port, asked.pause))


if __name__ == "__main__":
    main()
