"""Keeps what the routes of a service learn: loaded at its start, written while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.state import State
from flaky_load_balancer.sharing.snapshots import PERIOD, Snapshots

log = logging.getLogger(__name__)


class Learner(Protocol):
    """A route, as far as this is concerned: servers by arm."""

    name: str
    balancer: Balancer
    servers: Sequence[str]


class Keeper:
    """Writes the states of ``routes``, which may change meanwhile."""

    def __init__(
        self,
        snapshots: Snapshots,
        routes: Sequence[Learner],
        clock: Callable[[], float],
        refresh: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._snapshots, self._routes, self._clock = snapshots, routes, clock
        self._refresh = refresh  # what has to be done before states are looked at

    def load(self) -> None:
        """Let every route go on with what it had learnt."""
        for route in self._routes:
            balancer = route.balancer
            known = route.name, balancer.strategy, balancer.rules, route.servers
            if self._snapshots.load(*known):
                log.info("route %s goes on with what it had learnt", route.name)

    async def run(self) -> None:
        """Write every ``PERIOD`` seconds, until it is cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._refresh is not None:
                await self._refresh()
            now = self._clock()
            for route in list(self._routes):
                state, servers = route.balancer.strategy.state(), list(route.servers)
                await asyncio.to_thread(self._write, route.name, state, servers, now)

    def save(self) -> None:
        """Write now: the end."""
        for route in self._routes:
            state, servers = route.balancer.strategy.state(), list(route.servers)
            self._write(route.name, state, servers, self._clock())

    def _write(self, name: str, state: State, servers: Sequence[str], now: float) -> None:
        try:
            self._snapshots.save(name, state, servers, now)
        except OSError as error:  # a disk that is full must not end the service
            log.error("what route %s has learnt cannot be written: %s", name, error)
