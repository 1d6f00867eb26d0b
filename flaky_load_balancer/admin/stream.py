"""The live view: a frame of all routes twice a second, for the dashboard and for the records.

A frame is made and encoded once, whoever watches.  Readers wait for the next one; a reader that is
slow or stuck misses frames and delays nobody.  Whatever is done for each route or each reader is
done in slices, between which requests go on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from flaky_load_balancer.admin.together import Together
from flaky_load_balancer.admin.views import View
from flaky_load_balancer.proxy.dispatcher import Clock
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.records import Recorder

EVERY = 0.5  # seconds between frames
HEARTBEAT = 10.0  # seconds of silence at most
REMEMBERED = 64  # frames kept for readers that were cut off
READERS = 256  # at once
SLICE = 8  # readers that are woken before requests have their turn


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; ``encoded`` as it is sent."""

    kind: str
    id: str
    data: bytes
    encoded: bytes

    @classmethod
    def of(cls, kind: str, id: str, data: bytes) -> "Event":  # noqa: A002
        text = b"id: %b\nevent: %b\ndata: %b\n\n" % (id.encode(), kind.encode(), data)
        return cls(kind, id, data, text)


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
        self.views = {route.name: View(route) for route in routes}
        self._clock = clock
        self._recorder = recorder
        self._boot = uuid4().hex[:8]
        self._session = {"session": session, "kind": kind, "data": data}
        self._frames: deque[tuple[int, Event]] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._last: dict[str, bytes] = {}  # of each route
        self._readers: set[asyncio.Event] = set()  # each set when there is news
        self._closed = False
        self._shown = Together(self._show)

    def update(self, routes: Sequence[Route]) -> None:
        """From now on these are the routes; those that were there before keep their history."""
        views = {id(view.route): view for view in self.views.values()}
        self.views = {route.name: views.get(id(route)) or View(route) for route in routes}

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    async def snapshot(self) -> bytes:
        """JSON of everything the live page shows, now."""
        return await self._shown.get()

    async def _show(self) -> bytes:
        now = self._clock()
        return _frame(now, [part async for _, _, part in self._parts(now)])

    def connected(self) -> dict[str, Any]:
        """Who answers: a page that comes back sees whether the balancer is still the same."""
        runs = {name: view.route.run for name, view in self.views.items()}
        return {"boot": self._boot, **self._session, "runs": runs}

    async def history(self, after: float) -> bytes:
        """JSON: how all routes came to where they are, from behind a time on."""
        parts = []
        for name, view in self.views.items():
            parts.append(orjson.dumps({"route": name, **view.history.numbers(after)}))
            await asyncio.sleep(0)
        return b'%b,"routes":[%b]}' % (orjson.dumps(self.connected())[:-1], b",".join(parts))

    async def run(self) -> None:
        """Make frames until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self._make()

    async def close(self) -> None:
        """The last frame; then every reader's stream ends."""
        await self._make()
        self._closed = True
        for news in self._readers:
            news.set()

    @property
    def full(self) -> bool:
        """As many readers watch as may."""
        return len(self._readers) >= READERS

    @contextmanager
    def _reading(self) -> Iterator[asyncio.Event]:
        """What is set when there is news, for a reader."""
        news = asyncio.Event()
        self._readers.add(news)
        try:
            yield news
        finally:
            self._readers.discard(news)

    async def events(self, last_id: str | None = None) -> AsyncGenerator[Event, None]:
        """A reader's stream: what it missed since ``last_id``, then each new frame."""
        with self._reading() as news:
            seen = self._cursor(last_id)
            yield Event.of("connected", f"{self._boot}-{seen}", orjson.dumps(self.connected()))
            while True:
                news.clear()
                for number, event in [f for f in self._frames if f[0] > seen]:
                    yield event
                    seen = number
                if self._closed:
                    return
                if not await _within(HEARTBEAT, news):
                    data = orjson.dumps({"time": self._clock()})
                    yield Event.of("heartbeat", f"{self._boot}-{seen}", data)

    def _cursor(self, last_id: str | None) -> int:
        """The number of the last frame a reader has; everyone gets at least the newest."""
        boot, _, number = (last_id or "").partition("-")
        if boot == self._boot and number.isdecimal():
            return min(int(number), self._count)
        return max(0, self._count - 1)

    async def _parts(self, now: float) -> AsyncIterator[tuple[View, dict[str, Any], bytes]]:
        """Each route's part of a frame, and its JSON."""
        for view in self.views.values():
            shown = view.frame(now)
            yield view, shown, orjson.dumps(shown)
            await asyncio.sleep(0)  # requests go first

    async def _make(self) -> None:
        now, parts, changed = self._clock(), [], False
        async for view, shown, part in self._parts(now):
            parts.append(part)
            if part != self._last.get(view.route.name):
                changed = True
                self._last[view.route.name] = part
                view.history.add(now, shown)
                if view.route.run is not None:
                    self._recorder.frame(view.route.run, now, _frame(now, [part]))
        if changed:
            self._count += 1
            event = Event.of("metrics", f"{self._boot}-{self._count}", _frame(now, parts))
            self._frames.append((self._count, event))
            await self._wake()

    async def _wake(self) -> None:
        for woken, news in enumerate(list(self._readers), 1):
            news.set()
            if woken % SLICE == 0:
                await asyncio.sleep(0)


def _frame(now: float, parts: Sequence[bytes]) -> bytes:
    return b'{"time":%b,"routes":[%b]}' % (orjson.dumps(now), b",".join(parts))


async def _within(seconds: float, news: asyncio.Event) -> bool:
    """Wait for news; False if there was none for so long."""
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    return True
