"""A service while it runs: its planes, its reloads, its end."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from flaky_load_balancer.admin import page
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.control import NothingToReloadError
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.config import Settings
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.proxy.http1 import Client, HttpServer, Listener, asgi
from flaky_load_balancer.records import Recorder, Records
from flaky_load_balancer.service.alerts import Watching
from flaky_load_balancer.service.clients import Clients, Front
from flaky_load_balancer.service.epoch import clock
from flaky_load_balancer.service.notify import notify, reloading
from flaky_load_balancer.service.routes import Routes
from flaky_load_balancer.service.workers import Crew, Ledger

ADMIN_ENDS = 1.0  # seconds that requests of the admin plane get at the end
log = logging.getLogger(__name__)


class Service:
    """Routes and who looks at them, in this process; clients in this one, too, or in workers."""

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        session: str,
        read: Callable[[], Settings] | None,
        *,
        log_format: str = "text",
    ) -> None:
        self.settings = settings
        self._recorder = recorder
        self._session = session
        self._read = read
        self._client = Client()
        self._serving = False
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        ledger = Ledger.new(settings.workers) if settings.workers > 1 else None
        records = None if settings.place is None else Records(settings.place)
        self.routes = Routes(
            settings, self._client, recorder, session, clock, counts=ledger, records=records
        )
        self.front: Front
        if ledger is None:
            self.front = Clients(settings, self.routes, self._client)
        else:
            self.front = Crew(settings, self.routes, ledger, log_format)
        self.routes.told = self.front.tell
        self._watching = Watching(settings.alerts, self.routes.shown, clock, self._client)

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
        admin = self._admin()
        people = HttpServer(asgi(admin))
        making = asyncio.create_task(self._live.run())
        watching = asyncio.create_task(self._watching.run())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        listener = Listener(admin_socket, people)
        try:
            await self.front.open(data_socket)
            self._serving = True
            yield
            self._serving = False
            await self.front.close(self.settings.drain)
            making.cancel()
            await self._live.close()
        finally:
            making.cancel()
            watching.cancel()
            await asyncio.wait([watching])
            loop.remove_signal_handler(signal.SIGHUP)
            listener.close()
            self.front.abort()
            people.drain()
            await _until(lambda: not people.connections, ADMIN_ENDS)
            people.abort()
            await admin.state.player.close()
            self.routes.stop()
            self._client.close()

    # What the admin plane may ask for.

    async def reload(self) -> dict[str, Any]:
        """Read the settings again and serve by them: all of them, or SettingsError."""
        if self._read is None:
            raise NothingToReloadError("there is no config file: settings came from flags")
        async with self._reloading:
            reloading()
            try:
                settings = self._read()
                self.front.check(settings)
                changed, restart = self._load(settings)
                await self.front.agree()
            except UserError as error:
                log.error("not reloaded: %s", error)
                raise
            finally:
                notify("READY=1")
        log.info("reloaded: %s", ", ".join(changed) or "nothing has changed")
        if restart:
            log.warning("%s: only a restart changes that", ", ".join(restart))
        return {"changed": changed, "restart": restart}

    def _load(self, settings: Settings) -> tuple[list[str], list[str]]:
        changed, restart = self.routes.reload(settings)
        self.settings = replace(self.settings, drain=settings.drain)
        self.front.load(self.routes.settings)
        self._live.update(self.routes.shown)
        self._watching.load(self.routes.settings.alerts)
        return changed, restart

    async def drain(self, pool: str, name: str) -> bool:
        """Send no more to a server; False if there is none of this name."""
        server = self.routes.server(pool, name)
        if server is not None and not server.drained:
            server.drain()
            self.routes.changed(server, "draining")
            await self.front.agree()
        return server is not None

    async def ready(self, pool: str, name: str) -> bool:
        """Send to it again."""
        server = self.routes.server(pool, name)
        if server is not None and server.drained:
            server.ready()
            self.routes.changed(server, "up")
            await self.front.agree()
        return server is not None

    async def fresh(self, route: str) -> bool:
        found = self.routes.fresh(route)
        if found:
            self.front.forget(route)
            await self.front.agree()
        return found

    async def refresh(self, route: str) -> None:
        await self.front.refresh(route)

    def _admin(self) -> FastAPI:
        settings = self.settings
        return admin_plane(
            self.routes.shown,
            self._live,
            None if settings.place is None else Records(settings.place),
            ready=lambda: self._serving,
            records_lost=lambda: self._recorder.lost + self.front.lost,
            dashboard=page.built(),
            control=self,
            token=settings.admin_token,
            names=(*settings.admin_names, settings.admin_host),
            pools=self.routes.pools,
            splits=self.routes.splits,
            staff=self.front if isinstance(self.front, Crew) else None,
        )

    def _hang_up(self) -> None:
        """SIGHUP."""
        task = asyncio.create_task(self._reload_or_say())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload_or_say(self) -> None:
        try:
            await self.reload()
        except NothingToReloadError as error:
            log.warning("SIGHUP changes nothing: %s", error)
        except UserError:
            return  # it was logged


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not holds() and loop.time() < end:
        await asyncio.sleep(0.01)
