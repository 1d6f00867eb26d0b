"""The live view: a frame of all routes twice a second, for the dashboard and for the records.

A frame is made once, whoever watches.  Readers wait for the next one; a reader that is slow or
stuck misses frames and delays nobody.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from flaky_load_balancer.proxy.dispatcher import Clock
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.records import Recorder

EVERY = 0.5  # seconds between frames
HEARTBEAT = 10.0  # seconds of silence at most
REMEMBERED = 64  # frames kept for readers that were cut off


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    kind: str
    id: str
    data: bytes


class Live:
    """Makes frames while something changes, and hands them out."""

    def __init__(
        self,
        routes: Sequence[Route],
        clock: Clock,
        recorder: Recorder,
        *,
        session: str | None = None,
        kind: str = "serve",
        data: str | None = None,
    ) -> None:
        self._routes = routes
        self._clock = clock
        self._recorder = recorder
        self._boot = uuid4().hex[:8]
        self._session = {"session": session, "kind": kind, "data": data}
        self._frames: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._last: dict[str, bytes] = {}  # of each route
        self._changed = asyncio.Condition()
        self._closed = False

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def snapshot(self) -> dict[str, Any]:
        """Everything the live page shows, now."""
        now = self._clock()
        return {"time": now, "routes": [route.frame(now) for route in self._routes]}

    def connected(self) -> dict[str, Any]:
        """Who answers: a page that comes back sees whether the balancer is still the same."""
        runs = {route.name: route.run for route in self._routes}
        return {"boot": self._boot, **self._session, "runs": runs}

    def history(self, after: float) -> dict[str, Any]:
        """How all routes came to where they are, from behind a time on."""
        rows = [{"route": route.name, **route.history.numbers(after)} for route in self._routes]
        return {**self.connected(), "routes": rows}

    async def run(self) -> None:
        """Make frames until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self._make()

    async def close(self) -> None:
        """The last frame; then every reader's stream ends."""
        await self._make()
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def events(self, last_id: str | None = None) -> AsyncIterator[Event]:
        """A reader's stream: what it missed since ``last_id``, then each new frame."""
        seen = self._cursor(last_id)
        yield Event("connected", f"{self._boot}-{seen}", orjson.dumps(self.connected()))
        while True:
            for number, frame in [f for f in self._frames if f[0] > seen]:
                yield Event("metrics", f"{self._boot}-{number}", frame)
                seen = number
            if self._closed:
                return
            if not await self._next(seen):
                data = orjson.dumps({"time": self._clock()})
                yield Event("heartbeat", f"{self._boot}-{seen}", data)

    def _cursor(self, last_id: str | None) -> int:
        """The number of the last frame a reader has; everyone gets at least the newest."""
        boot, _, number = (last_id or "").partition("-")
        if boot == self._boot and number.isdecimal():
            return min(int(number), self._count)
        return max(0, self._count - 1)

    async def _next(self, seen: int) -> bool:
        """Wait for a frame; False if there was none for too long."""
        try:
            async with asyncio.timeout(HEARTBEAT), self._changed:
                await self._changed.wait_for(lambda: self._closed or self._count > seen)
        except TimeoutError:
            return False
        return True

    async def _make(self) -> None:
        now = self._clock()
        changed = False
        parts = []
        for route in self._routes:
            shown = route.frame(now)
            part = orjson.dumps(shown)
            parts.append(part)
            if part != self._last.get(route.name):
                changed = True
                self._last[route.name] = part
                route.history.add(now, shown)
                if route.run is not None:
                    frame = b'{"time":%s,"routes":[%s]}' % (orjson.dumps(now), part)
                    self._recorder.frame(route.run, now, frame)
            await asyncio.sleep(0)  # requests go first
        if changed:
            self._count += 1
            frame = b'{"time":%s,"routes":[%s]}' % (orjson.dumps(now), b",".join(parts))
            self._frames.append((self._count, frame))
            async with self._changed:
                self._changed.notify_all()
