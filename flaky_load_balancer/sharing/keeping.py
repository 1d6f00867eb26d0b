"""Keeps what the routes of a service learn: loaded at its start, written while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from flaky_load_balancer.core.state import State, StateError
from flaky_load_balancer.sharing.exchanges import Learner
from flaky_load_balancer.sharing.shared import Shared
from flaky_load_balancer.sharing.snapshots import PERIOD, Heard, Snapshots, given, packed, saved

log = logging.getLogger(__name__)


class Keeper:
    """Writes the states of ``routes``, which may change meanwhile.

    ``snapshots`` is where on disk, None for nowhere; ``shared`` where replicas look for them.
    """

    def __init__(
        self,
        snapshots: Snapshots | None,
        routes: Sequence[Learner],
        clock: Callable[[], float],
        *,
        refresh: Callable[[], Awaitable[None]] | None = None,
        shared: Shared | None = None,
    ) -> None:
        self._snapshots, self._routes, self._clock = snapshots, routes, clock
        self._refresh = refresh  # what has to be done before states are looked at
        self._shared = shared
        self._anywhere = snapshots is not None or shared is not None

    async def load(self) -> None:
        """Let every route go on with what it had learnt, or a replica if that is newer."""
        theirs = {} if self._shared is None else await self._shared.snapshots()
        for route in self._routes:
            heard = self._loaded(route, theirs)
            if heard is not None:
                log.info("route %s goes on with what it had learnt", route.name)
                if self._shared is not None:
                    self._shared.recall(route, heard)

    def forget(self) -> None:
        """Put aside what was learnt, and begin anew with what replicas tell from now on."""
        if self._snapshots is not None:
            self._snapshots.forget()
        if self._shared is not None:
            self._shared.begin_anew()

    async def run(self) -> None:
        """Write every ``PERIOD`` seconds, until it is cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._refresh is not None and self._anywhere:
                await self._refresh()
            for route in list(self._routes) if self._anywhere else ():
                snapshot = await asyncio.to_thread(packed, *self._learnt(route))
                await asyncio.to_thread(self._write, route.name, snapshot)
                if self._shared is not None:
                    await self._shared.keep(route.name, snapshot)

    def save(self) -> None:
        """Write now: the end."""
        for route in self._routes if self._anywhere else ():
            self._write(route.name, packed(*self._learnt(route)))

    def _learnt(self, route: Learner) -> tuple[str, State, Sequence[str], float, Heard | None]:
        """Of one moment."""
        heard = None if route.sharing is None else route.sharing.heard()
        state = route.balancer.strategy.state()
        return route.name, state, list(route.servers), self._clock(), heard

    def _loaded(self, route: Learner, theirs: Mapping[str, bytes]) -> Heard | None:
        balancer, name = route.balancer, route.name
        known = balancer.strategy, balancer.rules, route.servers
        ours = None if self._snapshots is None else self._snapshots.read(name)
        if name in theirs and saved(theirs[name]) > saved(ours):
            try:
                return given(theirs[name], *known)
            except StateError as error:
                log.warning("what replicas of route %s have learnt cannot be used: %s", name, error)
        return None if self._snapshots is None else self._snapshots.load(name, *known)

    def _write(self, name: str, snapshot: bytes) -> None:
        if self._snapshots is None:
            return
        try:
            self._snapshots.write(name, snapshot)
        except OSError as error:  # a disk that is full must not end the service
            log.error("what route %s has learnt cannot be written: %s", name, error)
