"""A service while it runs: its planes, its reloads, its end."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from flaky_load_balancer.admin import page
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.control import NothingToReloadError
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.config import Settings, SettingsError
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.proxy.access import AccessLog
from flaky_load_balancer.proxy.gate import Gate
from flaky_load_balancer.proxy.http1 import Client, HttpServer, Limits, Listener, asgi
from flaky_load_balancer.proxy.plane import DataPlane
from flaky_load_balancer.records import Recorder, Records
from flaky_load_balancer.service.listening import server_tls
from flaky_load_balancer.service.notify import notify, reloading
from flaky_load_balancer.service.routes import Routes

LAST_CALL = 0.1  # seconds in which whoever is connecting is still answered, with 503
ADMIN_ENDS = 1.0  # seconds that requests of the admin plane get at the end
EPOCH = time.time() - time.monotonic()


def clock() -> float:
    """Seconds since the epoch that never jump, also when the system's clock is set meanwhile."""
    return EPOCH + time.monotonic()


log = logging.getLogger(__name__)


class Service:
    """What one process serves."""

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        session: str,
        read: Callable[[], Settings] | None,
    ) -> None:
        if settings.workers > 1:
            raise SettingsError("server.workers: only one worker is there yet; leave it out")
        self.settings = settings
        self._recorder = recorder
        self._session = session
        self._read = read
        self._tls = server_tls(settings.tls)
        self._access_log = AccessLog(settings.access_log)
        self._client = Client()
        self.gate = Gate(settings.max_in_flight)
        self._plane = DataPlane(self.gate, self._access_log, settings.trust_forwarded)
        self.routes = Routes(settings, self._client, recorder, session, clock)
        self._plane.load(self.routes.proxied, self.routes.games)

    @asynccontextmanager
    async def running(
        self, data_socket: socket.socket, admin_socket: socket.socket, data: str
    ) -> AsyncIterator[None]:
        """Both planes listen inside; at the end requests in flight get some seconds."""
        self._live = Live(
            self.routes.shown,
            clock,
            self._recorder,
            session=self._session,
            kind="serve" if self.settings.session is None else "harness",
            data=data,
        )
        clients = HttpServer(self._plane.handle, Limits(idle=self._idle()), admission=self._plane)
        admin = self._admin()
        people = HttpServer(asgi(admin))
        making = asyncio.create_task(self._live.run())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        listeners = [
            Listener(data_socket, clients.protocol, self._tls, refusal=clients.refusal),
            Listener(admin_socket, people.protocol),
        ]
        try:
            yield
            self.gate.closing = True
            await asyncio.sleep(LAST_CALL)
            clients.drain()
            await self._plane.close(self.settings.drain)
            making.cancel()
            await self._live.close()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            for listener in listeners:
                listener.close()
            clients.abort()
            people.drain()
            await _until(lambda: not people.connections, ADMIN_ENDS)
            people.abort()
            await admin.state.player.close()
            self.routes.stop()
            self._client.close()
            self._access_log.close()

    # What the admin plane may ask for.

    def reload(self) -> dict[str, Any]:
        """Read the settings again and serve by them: all of them, or SettingsError."""
        if self._read is None:
            raise NothingToReloadError("there is no config file: settings came from flags")
        reloading()
        try:
            settings = self._read()
            self._access_log.reopen()
        except UserError as error:
            log.error("not reloaded: %s", error)
            raise
        finally:
            notify("READY=1")
        changed, restart = self.routes.reload(settings)
        self.settings = replace(self.settings, drain=settings.drain)
        self.gate.max_in_flight = settings.max_in_flight
        self._plane.load(self.routes.proxied, self.routes.games, settings.trust_forwarded)
        self._live.update(self.routes.shown)
        log.info("reloaded: %s", ", ".join(changed) or "nothing has changed")
        if restart:
            log.warning("%s: only a restart changes that", ", ".join(restart))
        return {"changed": changed, "restart": restart}

    def drain(self, pool: str, name: str) -> bool:
        """Send no more to a server; False if there is none of this name."""
        server = self.routes.server(pool, name)
        if server is not None and not server.drained:
            server.drain()
            self.routes.changed(server, "draining")
        return server is not None

    def ready(self, pool: str, name: str) -> bool:
        """Send to it again."""
        server = self.routes.server(pool, name)
        if server is not None and server.drained:
            server.ready()
            self.routes.changed(server, "up")
        return server is not None

    def fresh(self, route: str) -> bool:
        return self.routes.fresh(route)

    def _admin(self) -> FastAPI:
        settings = self.settings
        return admin_plane(
            self.routes.shown,
            self._live,
            None if settings.place is None else Records(settings.place),
            ready=lambda: not self.gate.closing,
            records_lost=lambda: self._recorder.lost,
            dashboard=page.built(),
            control=self,
            token=settings.admin_token,
            names=(*settings.admin_names, settings.admin_host),
            pools=self.routes.pools,
        )

    def _hang_up(self) -> None:
        """SIGHUP."""
        try:
            self.reload()
        except NothingToReloadError as error:
            log.warning("SIGHUP changes nothing: %s", error)
        except UserError:
            return  # it was logged

    def _idle(self) -> float:
        """Seconds that a client may be silent; a route may allow less."""
        idle = (route.timeouts.idle for route in self.settings.routes if route.kind != "ids")
        return max(idle, default=Limits().idle)


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not holds() and loop.time() < end:
        await asyncio.sleep(0.01)
