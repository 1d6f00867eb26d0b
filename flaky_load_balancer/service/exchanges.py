"""The exchanges of all routes of a process with their replicas."""

import asyncio
from collections.abc import Callable, Sequence

from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.sharing.exchange import Exchange
from flaky_load_balancer.sharing.transport import Transport


class Exchanges:
    """One for each of ``routes``, which may change: then ``update`` is called."""

    def __init__(
        self, routes: Sequence[Route], transport: Transport, clock: Callable[[], float]
    ) -> None:
        self._routes, self._transport, self._clock = routes, transport, clock
        self._there: dict[int, tuple[Route, Exchange]] = {}
        self.update()

    def update(self) -> None:
        """Begin for routes that are new, and end for those that are gone."""
        wanted = {id(route): route for route in self._routes}
        for gone in self._there.keys() - wanted.keys():
            self._there.pop(gone)[1].end()
        for key in wanted.keys() - self._there.keys():
            route = wanted[key]
            self._there[key] = route, self._exchange(route)
            self._there[key][1].begin()

    def end(self) -> None:
        """Tell what is left to be told."""
        for _, exchange in self._there.values():
            exchange.end()

    def _exchange(self, route: Route) -> Exchange:
        return Exchange(
            route.name,
            route.balancer,
            lambda: route.servers,
            self._transport,
            clock=self._clock,
            later=asyncio.get_running_loop().call_later,
        )
