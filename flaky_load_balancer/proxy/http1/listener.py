"""Accepting connections: fairly beside busy ones, and through a shortage of descriptors."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

BATCH = 64  # connections accepted in one pass of the event loop
PAUSE = 0.1  # seconds without accepting after the system has run out of descriptors
SHORTAGE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
log = logging.getLogger(__name__)


class Listener:
    """One listening socket; uvloop's own server accepts a single connection in each pass, which
    starves new clients beside busy ones."""

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listening = listening
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._short = False  # of descriptors, and it was said
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
        for _ in range(BATCH):
            try:
                client, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in SHORTAGE:
                    raise
                self._pause(error)
                return
            task = self._loop.create_task(self._open(client))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        if self._short:
            self._short = False
            log.warning("there are descriptors again: accepting connections goes on")

    async def _open(self, client: socket.socket) -> None:
        client.setblocking(False)
        with suppress(OSError, ssl.SSLError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._protocol, client, ssl=self._tls)
            return
        client.close()

    def _pause(self, error: OSError) -> None:
        if not self._short:
            self._short = True
            log.error("no more connections can be accepted for now: %s", error.strerror)
        self._loop.remove_reader(self._listening.fileno())
        self._paused = self._loop.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listening.fileno(), self._accept)
