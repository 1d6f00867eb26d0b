"""Sharing between machines: a stream of Redis (or Valkey) for each route, ``flb:NAME:ROUTE``.

Nobody waits for it.  What is told is put in a queue of limited size and written by one task, what
others told is read by another; where Redis is slow, gone, full or forgetful, that is said once, the
queue drops its oldest batches, and the tasks try again.  Batches may thus come twice or never,
which their numbers show (``seen.py``).

Streams are cut to about ``KEPT`` batches.  Beside each lies the last snapshot of what was learnt,
which any replica writes that finds it old, and which a newcomer starts from.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from flaky_load_balancer.sharing.shared import NEWEST
from flaky_load_balancer.sharing.transport import Deliver

KEPT = 10_000  # batches of a route that Redis keeps, about
ROOM = 4 << 20  # bytes that wait to be told, at most
AT_ONCE = 200  # batches that are written or read at once
BLOCK = 500  # milliseconds that a read waits for news
CONNECT, ANSWER = 2.0, 3.0  # seconds
AGAIN = 0.1, 2.0  # seconds until the next try, at first and at most
MEASURED = 10.0  # seconds between two looks at the clock there
NOISE = 0.005  # seconds: a smaller difference between clocks is none
FAR = 1.0  # seconds: a larger one is warned of
INSIST = 0.2  # seconds until a task is cancelled again
BEGIN = "0-0"
FIELD = b"b"

log = logging.getLogger(__name__)
Trouble = RedisError | OSError | TimeoutError


class RedisStreams:
    """A transport over the Redis of ``url``, for as long as ``running`` is entered.

    ``clock`` is that of the balancer, in seconds since the epoch.
    """

    def __init__(self, url: str, name: str, clock: Callable[[], float]) -> None:
        self.offset = 0.0
        self.connected = False
        self.dropped = 0  # batches that there was no room for
        self._name, self._clock = name, clock
        self._where = place(url)
        self._client = _client(url)
        self._delivers: dict[str, Deliver] = {}
        self._read: dict[str, str] = {}  # up to where, of each route
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._said: str | None = None  # the trouble that was told of last
        self._warned = False

    # The interface of a transport.

    def subscribe(self, route: str, deliver: Deliver) -> None:
        self._delivers[route] = deliver
        self._read.setdefault(route, BEGIN)

    def unsubscribe(self, route: str) -> None:
        self._delivers.pop(route, None)

    def begin_at(self, route: str, position: str | None) -> None:
        """What was learnt is up to there."""
        self._read[route] = position or BEGIN

    def publish(self, route: str, batch: bytes) -> None:
        self._waiting.append((route, batch))
        self._bytes += len(batch)
        while self._bytes > ROOM:
            self._bytes -= len(self._waiting.popleft()[1])
            self.dropped += 1
        self._news.set()

    # Snapshots.

    async def snapshot(self, route: str) -> bytes | None:
        """The last one, or None where there is none or Redis does not answer."""
        try:
            found: Any = await self._client.get(self._key(route, "snapshot"))
        except (RedisError, OSError, TimeoutError) as error:
            self._trouble(error)
            return None
        return found if isinstance(found, bytes) else None

    async def keep(self, route: str, snapshot: bytes, period: float) -> None:
        """Put one there, unless somebody did within this many seconds."""
        if not self.connected:
            return
        try:
            lease = self._key(route, "lease")
            if await self._client.set(lease, b"", nx=True, px=int(1000 * period)):
                await self._client.set(self._key(route, "snapshot"), snapshot)
        except (RedisError, OSError, TimeoutError) as error:
            self._trouble(error)

    # While it runs.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected as far as possible inside; what is told at the end gets a moment."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            await _end([task])
            if self.connected:
                await _within(self._write_all(), 0.5)
            await _within(self._client.aclose(), 0.5)

    async def _run(self) -> None:
        wait = AGAIN[0]
        while True:
            try:
                await self.measure()
                await self._look_after_streams()
                self._well()
                wait = AGAIN[0]
                await _all(self._write(), self._listen(), self._watch())
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble(error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, AGAIN[1])

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._write_all()

    async def _write_all(self) -> None:
        """Write what waits; it goes on waiting until it is known to be written."""
        while self._waiting:
            some = [self._waiting[place] for place in range(min(AT_ONCE, len(self._waiting)))]
            pipeline = self._client.pipeline(transaction=False)
            for route, batch in some:
                add = self._key(route), {FIELD: batch}
                pipeline.xadd(*add, maxlen=KEPT, approximate=True)  # type: ignore[arg-type]
            await pipeline.execute()
            self._written(some)

    def _written(self, some: list[tuple[str, bytes]]) -> None:
        """Some of these may have been dropped meanwhile."""
        for one in some:
            if self._waiting and self._waiting[0] is one:
                self._bytes -= len(self._waiting.popleft()[1])

    async def _listen(self) -> None:
        while True:
            routes = {self._key(route): route for route in self._delivers}
            if not routes:
                await asyncio.sleep(BLOCK / 1000)
                continue
            places: dict[Any, Any] = {key: self._read[route] for key, route in routes.items()}
            found: Any = await self._client.xread(places, count=AT_ONCE, block=BLOCK)
            for key, entries in found or ():
                self._deliver(routes[key.decode()], entries)

    def _deliver(self, route: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for number, fields in entries:
            self._read[route] = number.decode()
            if route in self._delivers and FIELD in fields:
                self._delivers[route](fields[FIELD], self._read[route])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(MEASURED)
            await self.measure()
            await self._look_after_streams()

    async def measure(self) -> None:
        """How far the clock there is ahead: by the quickest of three answers."""
        found = []
        for _ in range(3):
            before = self._clock()
            seconds, microseconds = await self._client.time()
            after = self._clock()
            ahead = seconds + 1e-6 * microseconds - (before + after) / 2
            found.append((after - before, ahead))
        took, ahead = min(found)
        if abs(ahead - self.offset) > max(NOISE, took):
            self.offset = 0.0 if abs(ahead) < NOISE else ahead
        if abs(ahead) > FAR and not self._warned:
            self._warned = True
            log.warning(
                "the clock of Redis at %s is %.1f s %s: set one of the two by NTP",
                *(self._where, abs(ahead), "ahead" if ahead > 0 else "behind"),
            )

    async def _look_after_streams(self) -> None:
        """Where a stream begins anew (flushed, evicted), it is read from its begin."""
        for route, read in list(self._read.items()):
            if read != BEGIN:
                last = await self._last(route)
                if read == NEWEST:
                    self._read[route] = last
                elif _later(read, last):
                    self._read[route] = BEGIN

    async def _last(self, route: str) -> str:
        try:
            about: Any = await self._client.xinfo_stream(self._key(route))
        except ResponseError as error:
            if "no such key" in str(error):
                return BEGIN
            raise
        last: bytes | str = about["last-generated-id"]
        return last if isinstance(last, str) else last.decode()

    def _key(self, route: str, *more: str) -> str:
        return ":".join(("flb", self._name, route, *more))

    # What is said.

    def _trouble(self, error: Trouble) -> None:
        said = str(error) or type(error).__name__
        self.connected = False
        if self._said is None:
            log.warning("nothing is shared, each goes on alone: Redis at %s: %s", self._where, said)
        self._said = said

    def _well(self) -> None:
        self.connected = True
        self._news.set()  # for what waits
        log.info("sharing over Redis at %s", self._where)
        self._said = None


def place(url: str) -> str:
    """The address without its secrets."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def _client(url: str) -> Redis:
    client: Redis = Redis.from_url(
        url,
        protocol=2,
        socket_connect_timeout=CONNECT,
        socket_timeout=ANSWER,
        retry=Retry(NoBackoff(), 0),
        client_name="flb",
    )
    return client


def _later(one: str, other: str) -> bool:
    """Whether the entry of a stream comes behind another one."""
    (a, b), (c, d) = (map(int, each.split("-")) for each in (one, other))
    return (a, b) > (c, d)


async def _all(*parts: Awaitable[None]) -> None:
    """Until one of them fails; then with that error, and the others are ended."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        await _end(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # of several that lost one connection, the first one is said


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel them until they are over: redis-py now and then swallows a cancellation."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=INSIST)


async def _within(what: Awaitable[Any], seconds: float) -> None:
    """At the end nobody waits for long, nor for what cannot be."""
    try:
        await asyncio.wait_for(what, seconds)
    except (RedisError, OSError, TimeoutError):
        return
