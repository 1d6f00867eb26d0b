"""Where clients come in: the data plane of a service, in this process."""

import asyncio
import socket
from typing import Protocol

from flaky_load_balancer.config import Settings
from flaky_load_balancer.proxy.access import AccessLog
from flaky_load_balancer.proxy.gate import Gate
from flaky_load_balancer.proxy.http1 import Client, HttpServer, Limits, Listener
from flaky_load_balancer.proxy.plane import DataPlane
from flaky_load_balancer.proxy.pool import Server
from flaky_load_balancer.service.listening import server_tls
from flaky_load_balancer.service.routes import Routes
from flaky_load_balancer.sharing.shared import Store

LAST_CALL = 0.1  # seconds in which whoever is connecting is still answered, with 503


class Front(Protocol):
    """What clients meet: in this process, or workers."""

    @property
    def lost(self) -> int:
        """Events that never came to those who record them."""

    async def open(self, listening: socket.socket) -> None:
        """Take connections from this socket."""

    def check(self, settings: Settings) -> None:
        """UserError if these settings cannot be served by; what was rotated is opened anew."""

    def load(self, settings: Settings) -> None:
        """Routes have changed."""

    def tell(self, server: Server) -> None:
        """A server is drained, down, or back."""

    def forget(self, route: str) -> None:
        """What a route has learnt is to be forgotten."""

    async def agree(self) -> None:
        """Wait until all that was said so far holds everywhere."""

    async def refresh(self, route: str) -> None:
        """Somebody looks at a route's last decisions."""

    async def learn(self) -> None:
        """What was learnt will be written."""

    def bridged(self, store: Store) -> Store:
        """The store, for all that serve to share through."""

    async def close(self, grace: float) -> None:
        """Let nobody in any more; give those inside some seconds."""

    def abort(self) -> None:
        """End what is left."""


class Clients:
    """The front in this process.  Where it is not ``alone``, others accept from its socket, too."""

    lost = 0

    def __init__(
        self, settings: Settings, routes: Routes, client: Client, *, alone: bool = True
    ) -> None:
        self._tls = server_tls(settings.tls)
        self._access_log = AccessLog(settings.access_log)
        self._routes, self._client, self._alone = routes, client, alone
        flying = routes.counts.count("in flight", passing=True)
        self.gate = Gate(settings.max_in_flight, flying)
        self._plane = DataPlane(self.gate, self._access_log, settings.trust_forwarded)
        self._plane.load(routes.proxied, routes.games)
        limits = Limits(idle=_idle(settings))
        self._server = HttpServer(self._plane.handle, limits, admission=self._plane)
        self._listener: Listener | None = None

    async def open(self, listening: socket.socket) -> None:
        self._listener = Listener(listening, self._server, self._tls, alone=self._alone)

    def check(self, settings: Settings) -> None:  # noqa: ARG002
        self._access_log.reopen()

    def load(self, settings: Settings) -> None:
        self.gate.max_in_flight = settings.max_in_flight
        self._plane.load(self._routes.proxied, self._routes.games, settings.trust_forwarded)

    def tell(self, server: Server) -> None: ...
    def forget(self, route: str) -> None: ...
    async def agree(self) -> None: ...
    async def refresh(self, route: str) -> None: ...
    async def learn(self) -> None: ...

    def bridged(self, store: Store) -> Store:
        return store

    async def close(self, grace: float) -> None:
        self.gate.closing = True
        await asyncio.sleep(LAST_CALL)
        self._server.drain()
        await self._plane.close(grace)

    def abort(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._server.abort()
        self._access_log.close()


def _idle(settings: Settings) -> float:
    """Seconds that a client may be silent; a route may allow less."""
    idle = (route.timeouts.idle for route in settings.routes if route.kind != "ids")
    return max(idle, default=Limits().idle)
