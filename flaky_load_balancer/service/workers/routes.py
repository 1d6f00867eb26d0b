"""The routes of a worker: as the parent's, but the parent looks after runs, health and the log."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flaky_load_balancer.config import Health, PoolSettings
from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.proxy.pool import Pool
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.service.routes import Routes


class WorkerRoutes(Routes):
    """Events only go to the recorder; a ``worker`` (from 0) has chance of its own."""

    def __init__(self, *known: Any, worker: int, **more: Any) -> None:
        self._worker = worker
        super().__init__(*known, **more)

    def record(self, route: Route, event: Event) -> None:
        """What a reload or a drain changes is recorded by the parent."""

    def _recording(self, tally: Tally, run: int) -> Callable[[Event], None]:  # noqa: ARG002
        return partial(self._recorder.record, run)

    def _pool(self, name: str, settings: PoolSettings) -> Pool:
        return Pool(name, settings, self._client, counts=self.counts, quiet=True)

    def _watch(self, pool: Pool, health: Health) -> None:
        """The parent checks, and tells."""

    def _mark(self) -> tuple[int, ...]:
        return (self._worker + 1,)
