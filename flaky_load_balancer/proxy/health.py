"""Active health checks: is each server of a pool up?"""

import asyncio
import logging
import time
from collections.abc import Callable

from flaky_load_balancer.config import Health
from flaky_load_balancer.proxy.http1 import Reason, UpstreamError
from flaky_load_balancer.proxy.pool import Pool, Server

HEALTHY = range(200, 400)
TOGETHER = 50  # checks that begin at the same time
log = logging.getLogger(__name__)

Changed = Callable[[Server, str, str | None], None]  # a server, its state, why


class HealthChecks:
    """Checks every server of a pool until ``stop``; ``fall`` and ``rise`` in a row count."""

    def __init__(self, pool: Pool, health: Health, changed: Changed) -> None:
        self._pool = pool
        self._health = health
        self._changed = changed
        self._counts: dict[str, int] = {}  # results in a row that speak against the state
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Servers that are down by these checks are not held to be any more."""
        self._task.cancel()
        for server in self._pool.servers:
            server.down = None

    async def _run(self) -> None:
        """The checks of a large pool are spread over the time between two of a server."""
        while True:
            servers = list(self._pool.servers)
            groups = [servers[at : at + TOGETHER] for at in range(0, len(servers), TOGETHER)]
            async with asyncio.TaskGroup() as checks:
                for group in groups:
                    for server in group:
                        checks.create_task(self._check(server))
                    await asyncio.sleep(self._health.every / len(groups))

    async def _check(self, server: Server) -> None:
        try:
            problem = await self._problem(server)
        except UpstreamError:
            return  # this machine is short of something: that says nothing about the server
        if (problem is None) == (server.down is None):
            self._counts[server.name] = 0
            server.down = server.down and problem
            return
        count = self._counts[server.name] = self._counts.get(server.name, 0) + 1
        if problem is not None and count >= self._health.fall:
            self._turn(server, problem)
        elif problem is None and count >= self._health.rise:
            server.back_since = time.monotonic()
            self._turn(server, None)

    def _turn(self, server: Server, problem: str | None) -> None:
        server.down = problem
        self._counts[server.name] = 0
        state = "up" if problem is None else "down"
        say = log.info if problem is None else log.warning
        why = "" if problem is None else f": {problem}"
        say("pool %s: %s is %s by its health check%s", self._pool.name, server.name, state, why)
        self._changed(server, state, problem)

    async def _problem(self, server: Server) -> str | None:
        """What is wrong with a server; None if nothing is."""
        try:
            async with asyncio.timeout(self._health.timeout):
                return await self._asked(server)
        except TimeoutError:
            return f"no answer within {self._health.timeout:g} s"
        except UpstreamError as error:
            if error.reason is Reason.OURS:
                raise
            return str(error)

    async def _asked(self, server: Server) -> str | None:
        timeout = self._health.timeout
        connection = await server.upstream.connect(timeout, fresh=True)
        try:
            connection.limit(timeout, timeout)
            headers = [(b"Host", server.host), (b"User-Agent", b"flb-health"), *server.headers]
            connection.send(b"GET", self._health.path.encode(), headers)
            head = await connection.answer()
            while await connection.body.read():
                pass
        finally:
            connection.close()
        return None if head.status in HEALTHY else f"status {head.status}"
