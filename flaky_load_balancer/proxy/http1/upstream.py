"""Servers as the client reaches them: addresses, TLS, and connections kept for a moment."""

import asyncio
import socket
import ssl
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

from flaky_load_balancer.proxy.http1.client import ClientConnection
from flaky_load_balancer.proxy.http1.failures import Reason, UpstreamError, reason_of
from flaky_load_balancer.proxy.http1.names import Address, Names, literal
from flaky_load_balancer.proxy.http1.timer import Timer

KEEP_ALIVE = 1.5  # seconds idle; below the 2 to 5 s after which common servers hang up, since a
#                   request on a connection that the server is just closing fails for nothing


def tls_context(*, verify: bool = True, ca: str | Path | None = None) -> ssl.SSLContext:
    """TLS with the system's roots or those of a file.  OSError or ssl.SSLError if it is wrong."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


class Upstream:
    """One server: where it is, and the idle connections to it."""

    def __init__(
        self,
        names: Names,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._names = names
        self._tls = tls
        self._server_name = server_name or host
        self._reached: Address | None = None  # the address that was reached last
        self._idle: deque[ClientConnection] = deque()  # the longest idle first
        self._sweep: Timer | None = None
        self._closed = False

    async def connect(self, seconds: float = 1.0, *, fresh: bool = False) -> ClientConnection:
        """An idle connection, or (or if it must be ``fresh``) a new one within these seconds.

        UpstreamError, with nothing sent, if there is none.
        """
        if not fresh:
            while self._idle:
                connection = self._idle.pop()
                if connection.quiet:
                    connection.idle = False
                    return connection
                connection.close()
        try:
            async with asyncio.timeout(seconds):
                return await self._connect(seconds)
        except TimeoutError as error:
            if error.errno is None:
                detail = f"no connection within {seconds:g} s"
                raise UpstreamError(Reason.TIMEOUT, detail, sent=False) from None
            raise UpstreamError(Reason.TIMEOUT, str(error), sent=False) from None
        except OSError as error:
            raise UpstreamError(reason_of(error), _text(error), sent=False) from None

    def close(self) -> None:
        """End all idle connections; those in use end with their request."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.close()
        while self._idle:
            self._idle.pop().close()

    @property
    def idle(self) -> int:
        return len(self._idle)

    async def _connect(self, seconds: float) -> ClientConnection:
        """Try each address in turn, first the one that was reached last.

        Each gets its share of the time that is left: one that hangs does not cost the others.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        addresses = sorted(await self._addresses(), key=lambda each: each != self._reached)
        for left in range(len(addresses), 0, -1):
            address = addresses[-left]
            share = (until - loop.time()) / left
            try:
                async with asyncio.timeout(share if left > 1 else None):
                    connection = await self._reach(address)
                self._reached = address
                return connection
            except OSError:
                if left == 1:
                    raise
        raise AssertionError  # a name that resolves has an address

    async def _addresses(self) -> list[Address]:
        found = literal(self.host, self.port)
        if found is not None:
            return found
        try:
            return await self._names.addresses(self.host, self.port)
        except (OSError, UnicodeError) as error:
            detail = f"{self.host}: {getattr(error, 'strerror', None) or error}"
            raise UpstreamError(Reason.NAME, detail, sent=False) from None

    async def _reach(self, address: Address) -> ClientConnection:
        loop = asyncio.get_running_loop()
        family, where = address
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(opened, where)
            _, connection = await loop.create_connection(
                lambda: ClientConnection(opened, self._keep),
                sock=opened,
                ssl=self._tls,
                server_hostname=self._server_name if self._tls else None,
            )
        except BaseException:
            opened.close()
            raise
        return connection

    def _keep(self, connection: ClientConnection) -> None:
        if self._closed:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.since = loop.time()
        if self._sweep is None:
            self._sweep = Timer(loop, self._prune)
        if not self._idle:
            self._sweep.set(KEEP_ALIVE)
        self._idle.append(connection)

    def _prune(self) -> None:
        """Close what has been idle for too long, and come back for the rest."""
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE
        while self._idle and (self._idle[0].lost or self._idle[0].since <= oldest):
            self._idle.popleft().close()
        if self._idle and self._sweep is not None:
            self._sweep.set(self._idle[0].since - oldest)


class Client:
    """All servers of a process: one resolver, and one end."""

    def __init__(self, names: Names | None = None) -> None:
        self._names = names or Names()
        self._tls: ssl.SSLContext | None = None
        self._upstreams: list[Upstream] = []

    def upstream(
        self, url: str, tls: ssl.SSLContext | None = None, server_name: str | None = None
    ) -> Upstream:
        """The server at the scheme, host and port of a URL."""
        parts = urlsplit(url)
        if parts.scheme == "https" and tls is None:
            self._tls = tls = self._tls or tls_context()
        secure = parts.scheme == "https"
        upstream = Upstream(
            self._names,
            parts.hostname or "",
            parts.port or (443 if secure else 80),
            tls if secure else None,
            server_name,
        )
        self._upstreams.append(upstream)
        return upstream

    def forget(self, upstream: Upstream) -> None:
        """A server that has left its pool."""
        upstream.close()
        self._upstreams.remove(upstream)

    def close(self) -> None:
        for upstream in self._upstreams:
            upstream.close()
        self._upstreams.clear()


def _text(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or str(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
