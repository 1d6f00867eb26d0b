"""Messages between the parent and one worker, over a pair of sockets that nobody else has."""

import asyncio
import socket
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import cast

HEAD = struct.Struct("<IB")  # bytes that follow, kind
MOST_WAITING = 1 << 26  # bytes that wait to be sent, beyond which what may be lost is dropped


class Kind(IntEnum):
    """What a message is, and what it holds."""

    START = 0  # Start, pickled: the first one
    ORDERS = 1  # Orders, pickled: other settings
    SERVERS = 2  # JSON: states of servers
    FORGET = 3  # the name of a route
    FACTS = 4  # a route's name, and a batch of facts: both ways
    ASK = 5  # JSON: a number, and what is asked for
    CLOSE = 6  # seconds, as text, that those inside get
    READY = 7  # it accepts connections
    EVENTS = 8  # JSON: [run, kind, values ...] each
    BELIEFS = 9  # a route's name, and what is believed of its servers
    ANSWER = 10  # a question's number, and the answer
    OFFSET = 12  # seconds, as text, to the clock that all machines share
    CLOSED = 11  # nobody is inside any more; questions are still answered


class Pipe(asyncio.Protocol):
    """One end.  ``gone`` is done when the other end is closed."""

    def __init__(self, hear: Callable[[Kind, memoryview], None]) -> None:
        self.hear = hear
        self._rest = bytearray()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def on(cls, end: socket.socket, hear: Callable[[Kind, memoryview], None]) -> "Pipe":
        """A pipe on one of a pair of sockets."""
        loop = asyncio.get_running_loop()
        _, pipe = await loop.create_unix_connection(lambda: cls(hear), sock=end)
        return pipe

    def send(self, kind: Kind, *parts: bytes | memoryview) -> None:
        """Send this; what the other end does not read waits in memory."""
        if not self.gone.done():
            size = sum(map(len, parts))
            self._transport.write(b"".join((HEAD.pack(size, kind), *parts)))

    @property
    def full(self) -> bool:
        """So much waits that the other end seems to be stuck."""
        return self.gone.done() or self._transport.get_write_buffer_size() > MOST_WAITING

    def close(self) -> None:
        """Send what is left, and close."""
        self._transport.close()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        self._rest += data
        whole, start = memoryview(bytes(self._rest)), 0
        while len(whole) - start >= HEAD.size:
            size, kind = HEAD.unpack_from(whole, start)
            end = start + HEAD.size + size
            if end > len(whole):
                break
            self.hear(Kind(kind), whole[start + HEAD.size : end])
            start = end
        del self._rest[:start]

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        if not self.gone.done():
            self.gone.set_result(None)


def named(name: str, payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Something about a route, as the parts of a message."""
    text = name.encode()
    return struct.pack("<H", len(text)), text, payload


def unnamed(message: memoryview) -> tuple[str, memoryview]:
    """The name and the rest of what ``named`` made."""
    (length,) = struct.unpack_from("<H", message)
    return str(message[2 : 2 + length], "utf-8"), message[2 + length :]
