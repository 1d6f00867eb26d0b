"""All routes of a service, shared with its replicas over Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.sharing.exchanges import Exchanges, Learner
from flaky_load_balancer.sharing.snapshots import PERIOD, Heard
from flaky_load_balancer.sharing.transport import Transport

LOOKED = 1.0  # seconds between two looks whether a reload has changed the routes
NEWEST = "$"  # the position behind all that was told so far
LONGEST = 2.0  # seconds that a start waits for a snapshot of all routes
log = logging.getLogger(__name__)


class Store(Transport, Protocol):
    """A transport that also keeps the last snapshot of each route."""

    def begin_at(self, route: str, position: str | None) -> None:
        """Bring what comes behind this position."""

    async def snapshot(self, route: str) -> bytes | None:
        """The last one that any replica put there."""

    async def keep(self, route: str, snapshot: bytes, period: float) -> None:
        """Put one there, unless somebody did within so many seconds."""


class Shared:
    """Gives each of ``routes``, which may change meanwhile, its exchange."""

    def __init__(self, store: Store, routes: Sequence[Learner], clock: Callable[[], float]) -> None:
        self._store, self._routes = store, routes
        self._exchanges = Exchanges(routes, store, clock)

    async def snapshots(self) -> dict[str, bytes]:
        """The last ones of all routes, as far as they come in time."""
        found = {}
        try:
            async with asyncio.timeout(LONGEST):
                for route in self._routes:
                    snapshot = await self._store.snapshot(route.name)
                    if snapshot is not None:
                        found[route.name] = snapshot
        except TimeoutError:
            log.warning("Redis does not answer: starting without what replicas have learnt")
        return found

    def recall(self, route: Learner, heard: Heard) -> None:
        """A route goes on with a state in which this was heard."""
        self._exchanges.of(route).recall(heard.seen, heard.position)
        self._store.begin_at(route.name, heard.position)

    def begin_anew(self) -> None:
        """All routes go on with what is told from now on."""
        for route in self._routes:
            self._store.begin_at(route.name, NEWEST)

    async def keep(self, route: str, snapshot: bytes) -> None:
        """So much is learnt by now."""
        await self._store.keep(route, snapshot, 0.95 * PERIOD)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All routes share inside."""
        self._exchanges.update()
        looking = asyncio.create_task(self._look_again())
        try:
            yield
        finally:
            looking.cancel()
            self._exchanges.end()

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOKED)
            self._exchanges.update()


def require_driver() -> None:
    """UserError where the client for Redis is not installed."""
    try:
        import redis.asyncio  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise UserError(
            '--share: the client for Redis is missing: pip install "flaky-load-balancer[redis]"'
        ) from None
