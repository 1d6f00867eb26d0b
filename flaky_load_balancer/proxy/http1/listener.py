"""Accepting connections: fairly beside busy ones, and through a shortage of descriptors."""

import asyncio
import logging
import math
import resource
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

BATCH = 16  # connections accepted in one pass of the event loop
SHARED = 1  # where other processes accept from the same socket: whoever has time takes the next
PAUSE = 0.1  # seconds without accepting after that failed: the system is short of descriptors
LARGEST_REQUEST = 16384  # bytes of one that is refused before its connection is opened
HANDSHAKE = 10.0  # seconds for that of TLS
SAY_AGAIN = 60.0  # seconds between lines of the log that say so
log = logging.getLogger(__name__)


def raise_descriptor_limit() -> None:
    """As many sockets as the system lets this process have; the usual default is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS refuses some values that it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Listener:
    """One listening socket.

    uvloop's own server accepts a single connection in each pass of the event loop, which starves
    new clients beside busy ones.
    """

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
        refusal: Callable[[], bytes | None] | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self._batch = BATCH if alone else SHARED
        self._refusal = None if tls else refusal  # the whole answer to new clients, if overloaded
        self._listening = listening
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._said = -math.inf  # when the log last said that descriptors are short
        self._paused: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._loop.add_reader(listening.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more; connections live on."""
        self._loop.remove_reader(self._listening.fileno())
        if self._paused is not None:
            self._paused.cancel()
        for task in self._opening:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(self._batch):
            try:
                client, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            if (
                self._refusal is not None
                and (answer := self._refusal())
                and _refused(client, answer)
            ):
                continue
            task = self._loop.create_task(self._open(client))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, client: socket.socket) -> None:
        client.setblocking(False)
        with suppress(OSError, ssl.SSLError):
            await self._loop.connect_accepted_socket(
                self._protocol,
                client,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE if self._tls else None,
            )
            return
        client.close()

    def _pause(self, error: OSError) -> None:
        now = self._loop.time()
        if now > self._said + SAY_AGAIN:
            self._said = now
            log.error("no more connections can be accepted for now: %s", error.strerror)
        self._loop.remove_reader(self._listening.fileno())
        self._paused = self._loop.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listening.fileno(), self._accept)


def _refused(client: socket.socket, answer: bytes) -> bool:
    """Answer a client whose whole request has come with its connection, and close."""
    client.setblocking(False)
    try:
        request = client.recv(LARGEST_REQUEST, socket.MSG_PEEK)
        if not request.endswith(b"\r\n\r\n"):
            return False  # not there yet, or with a body: as any other
        client.recv(LARGEST_REQUEST)  # or closing would reset the connection, and take the answer
        client.send(answer)
    except BlockingIOError:
        return False
    except OSError:
        pass  # it has gone meanwhile
    client.close()
    return True
