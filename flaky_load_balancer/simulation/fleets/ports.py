"""Ports: taking them all before any is served; refusing connections for a while."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.simulation.fleets.connection import Connection

BACKLOG = 1024
RELEASE_TIMEOUT = 2.0  # seconds for the system to let go of a port that was just closed


class PortError(UserError):
    """A port that cannot be listened on; the message names it and the way out."""


def take(host: str, ports: Sequence[int], owner: str) -> list[socket.socket]:
    """Listening sockets on all of these ports, 0 for a free one, or a ``PortError`` and none."""
    taken: list[socket.socket] = []
    try:
        for port in ports:
            taken.append(_bound(host, port))
            taken[-1].listen(BACKLOG)
    except (OSError, OverflowError) as error:
        for sock in taken:
            sock.close()
        raise PortError(_explained(port, owner, error)) from None
    return taken


class Port:
    """The listening socket of one server.

    While it is shut, connections are refused, those that were open are cut, and the port stays
    ours: a bound socket that does not listen keeps it.
    """

    def __init__(
        self,
        sock: socket.socket,
        connect: Callable[[], Connection],
        connections: set[Connection],
    ) -> None:
        """``sock`` is bound; it is served from ``open`` on.

        ``connections`` are those that ``connect`` made, while they are open.
        """
        self.host, self.number = sock.getsockname()[:2]
        self._sock = sock
        self._connect = connect
        self._connections = connections
        self._server: asyncio.Server | None = None
        self._turn = asyncio.Lock()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.number}"

    async def open(self) -> None:
        async with self._turn:
            if self._server is None:
                self._server = await asyncio.get_running_loop().create_server(
                    self._connect, sock=self._sock, backlog=BACKLOG
                )

    async def shut(self) -> None:
        async with self._turn:
            if self._server is not None:
                self.close()
                self._sock = await self._bound_again()

    def close(self) -> None:
        """Stop listening and cut every connection, at once."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._sock.close()
        for connection in tuple(self._connections):
            connection.abort()

    async def _bound_again(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        end = loop.time() + RELEASE_TIMEOUT
        while True:
            await asyncio.sleep(0)  # the loop closes the old socket in its next round
            try:
                return _bound(self.host, self.number)
            except OSError:
                if loop.time() > end:
                    raise
                await asyncio.sleep(0.005)


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _explained(port: int, owner: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"port {port} ({owner}) is taken: stop what listens there, or use --free-ports"
    if code in {errno.EMFILE, errno.ENFILE}:
        return f"port {port} ({owner}): too many open files: raise `ulimit -n` or use fewer copies"
    reason = os.strerror(code) if code else str(error)
    return f"port {port} ({owner}) cannot be listened on: {reason}"
