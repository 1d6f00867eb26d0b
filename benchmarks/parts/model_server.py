"""A language model that answers at once, streamed (20 chunks) or not, as it is asked.

.venv/bin/python -m benchmarks.parts.model_server 4000
"""

import argparse
import asyncio
import json
from typing import cast

import httptools
import uvloop

USAGE = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}
COMMON = {"id": "chatcmpl-1", "created": 1, "model": "fake"}
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


class ModelServer(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if b'"stream":true' in self.body.replace(b" ", b""):
            for piece in STREAM:  # one write for each, as a model does it
                self.transport.write(piece)
        else:
            self.transport.write(PLAIN)
        self.body = b""


async def serve(port: int) -> None:
    listener = await asyncio.get_running_loop().create_server(ModelServer, "127.0.0.1", port)
    await listener.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
