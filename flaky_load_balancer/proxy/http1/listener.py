"""Accepting connections: fairly beside busy ones, and through a shortage of descriptors."""

import asyncio
import logging
import math
import resource
import socket
import ssl
from contextlib import suppress

from flaky_load_balancer.proxy.http1.connection import ServerConnection
from flaky_load_balancer.proxy.http1.failures import BadRequestError
from flaky_load_balancer.proxy.http1.reading import HeadReader
from flaky_load_balancer.proxy.http1.server import HttpServer

BATCH = 16  # connections opened in one pass of the event loop
CROWD = 256  # accepted in one pass, where they wait in a line of ours for being opened
SHARED = 1  # where other processes accept from the same socket: whoever has time takes the next
PAUSE = 0.1  # seconds without accepting after that failed: the system is short of descriptors
EARLY = 16384  # bytes that are read before a connection is opened
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
        server: HttpServer,
        tls: ssl.SSLContext | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self._alone = alone
        self.admission = None if tls else server.admission  # TLS is spoken by opened connections
        self._listening = listening
        self.server = server
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

    def open(self, client: socket.socket, connection: ServerConnection | None = None) -> None:
        """Let somebody speak to us."""
        task = self._loop.create_task(self._open(client, connection or self.server.protocol()))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _accept(self) -> None:
        for _ in range(self._most()):
            try:
                client, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            client.setblocking(False)
            if self.admission is None:
                self.open(client)
            else:
                self.admission.ask(Standing(client, self))

    def _most(self) -> int:
        """How many to accept: who stays in the system's line is never answered 503."""
        if not self._alone and (self.admission is None or not self.admission.crowded):
            return SHARED
        return BATCH if self.admission is None else CROWD

    async def _open(self, client: socket.socket, connection: ServerConnection) -> None:
        with suppress(OSError, ssl.SSLError):
            await self._loop.connect_accepted_socket(
                lambda: connection,
                client,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE if self._tls else None,
            )
            return
        connection.withdraw()
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


class Standing:
    """A client whose connection is accepted, and not opened before it is let in.

    Most of those who are refused are answered without opening it, which costs more than the answer.
    """

    __slots__ = ("_client", "_listener")

    def __init__(self, client: socket.socket, listener: Listener) -> None:
        self._client = client
        self._listener = listener

    def enter(self) -> None:
        early, admission = self._read(), self._listener.admission
        assert admission is not None
        if early:
            connection = self._listener.server.protocol(early, let_in=True)
            admission.hand_over(self, connection)
            self._listener.open(self._client, connection)
        else:
            admission.forget(self)
            self._open_or_close(early)

    def refuse(self) -> None:
        early, admission = self._read(), self._listener.admission
        assert admission is not None
        if early and _is_whole(early):
            with suppress(OSError):
                self._client.send(admission.refusal().whole(last=True))
            self._client.close()
        else:
            self._open_or_close(early)

    def _open_or_close(self, early: bytes | None) -> None:
        """As any other, unless it has gone."""
        if early == b"":
            self._client.close()
        else:
            self._listener.open(self._client, self._listener.server.protocol(early or b""))

    def _read(self) -> bytes | None:
        """What it has sent, None if it has not sent anything yet, b"" if it has hung up."""
        try:
            return self._client.recv(EARLY)
        except BlockingIOError:
            return None
        except OSError:
            return b""


def _is_whole(early: bytes) -> bool:
    """Exactly one request, to which any client understands the same answer."""
    try:
        found = HeadReader().feed(early)
    except BadRequestError:
        return False
    if found is None:
        return False
    head, rest = found
    return bool(head.minor) and head.length == len(rest) and head.method != b"HEAD"
