"""What a worker tells of its requests: events in batches, as a recorder takes them."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from flaky_load_balancer.core.events import Event, packed
from flaky_load_balancer.proxy.counts import Count
from flaky_load_balancer.records import NoRecorder

PERIOD = 0.02  # seconds that an event waits at most
BATCH = 500  # events


class Reporter(NoRecorder):
    """Sends events to the parent, which begins the runs and records them."""

    def __init__(self, send: Callable[[bytes], bool], lost: Count) -> None:
        super().__init__()
        self.runs: Mapping[str, tuple[int, list[str]]] = {}  # by route: as the parent numbers them
        self._send, self._lost = send, lost
        self._waiting: list[tuple[Any, ...]] = []
        self._timer: asyncio.TimerHandle | None = None

    def start_run(self, *_: Any, route: str, **__: Any) -> int:
        return self.runs[route][0]

    def record(self, run: int, event: Event) -> None:
        self._waiting.append((run, *packed(event)))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PERIOD, self.report)
        elif len(self._waiting) >= BATCH:
            self.report()

    def report(self) -> None:
        """Send what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if waiting and not self._send(orjson.dumps(waiting)):
            self._lost.add(len(waiting))
