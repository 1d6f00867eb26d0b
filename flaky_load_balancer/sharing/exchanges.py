"""The exchanges of all routes of a process with their replicas."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.sharing.exchange import Exchange
from flaky_load_balancer.sharing.transport import Transport


class Learner(Protocol):
    """A route, as far as this is concerned: servers by arm."""

    name: str
    balancer: Balancer
    servers: Sequence[str]
    sharing: Exchange | None


class Exchanges:
    """One for each of ``routes``, which may change: then ``update`` is called."""

    def __init__(
        self, routes: Sequence[Learner], transport: Transport, clock: Callable[[], float]
    ) -> None:
        self._routes, self._transport, self._clock = routes, transport, clock
        self._sharing: dict[str, Learner] = {}  # those that share by now

    def update(self) -> None:
        """Begin for routes that are new, and end for those that are gone."""
        now = {route.name: route for route in self._routes}
        for name, route in list(self._sharing.items()):
            if now.get(name) is not route:
                self._end(route)
        for name, route in now.items():
            if name not in self._sharing:
                self.of(route).begin()
                self._sharing[name] = route

    def of(self, route: Learner) -> Exchange:
        """That of a route, made when it is first asked for."""
        if route.sharing is None:
            route.sharing = Exchange(
                route.name,
                route.balancer,
                lambda: route.servers,
                self._transport,
                clock=self._clock,
                later=asyncio.get_running_loop().call_later,
            )
        return route.sharing

    def end(self) -> None:
        """Tell what is left to be told."""
        for route in list(self._sharing.values()):
            self._end(route)

    def _end(self, route: Learner) -> None:
        del self._sharing[route.name]
        if route.sharing is not None:
            route.sharing.end()
