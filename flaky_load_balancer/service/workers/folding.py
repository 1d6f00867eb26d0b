"""The events of all workers, folded and recorded by the parent as if they had happened there."""

from collections.abc import Sequence
from typing import Any

import orjson

from flaky_load_balancer.core.events import Attempt, unpacked
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.service.routes import Routes

GONE = 100  # runs that have ended of which events may still come


class Folding:
    """Takes events by their runs; ``know`` is called when runs begin."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._runs: dict[int, Route] = {}
        self.know()

    def know(self) -> None:
        """From now on events of the routes that there are now may come."""
        shown = {route.run: route for route in self._routes.shown if route.run is not None}
        ended = [run for run in self._runs if run not in shown]
        for run in ended[:-GONE]:
            del self._runs[run]
        self._runs |= shown

    def take(self, message: memoryview) -> None:
        """A batch: JSON, for each event its run, its kind and its values."""
        events: Sequence[Sequence[Any]] = orjson.loads(message)
        for run, *values in events:
            route = self._runs.get(run)
            if route is None:
                continue
            event = unpacked(values)
            self._routes.record(route, event)
            if isinstance(event, Attempt):
                self._tell_trouble(route, event)

    def _tell_trouble(self, route: Route, attempt: Attempt) -> None:
        """What the log says of servers is said once, not by each worker."""
        dispatcher = route.dispatcher
        if attempt.server not in dispatcher.indices:
            return
        server = dispatcher.servers[dispatcher.indices.index(attempt.server)]
        if attempt.outcome == Outcome.FAILED:
            server.trouble.failed(attempt.reason or "", None)
        elif attempt.outcome == Outcome.SUCCEEDED:
            server.trouble.succeeded()
