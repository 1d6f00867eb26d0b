"""The clients' side of a session: requests sent open loop, at a rate that nothing slows down.

A closed loop waits for an answer before it sends the next request, so a slow balancer is offered
less load and looks better than it is.  Here every request has its time, and its latency counts from
that time to the last byte of the answer: a delay in sending is part of it, and not hidden.
"""

import asyncio
import heapq
import random
import string
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.lateness import Lateness

ALPHABET = string.ascii_letters + string.digits
Due = tuple[float, int, int]  # when a request is due, of which stream, and its place in it
GRACE = 5.0  # seconds beyond a request's deadline after which it counts as unanswered


def request_ids(seed: int, count: int) -> list[str]:
    """Ids of 24 letters and digits; the same for the same seed."""
    chance = random.Random(seed)
    return ["".join(chance.choices(ALPHABET, k=24)) for _ in range(count)]


@dataclass
class Sent:
    """What the clients saw of one run; times in seconds of the monotonic clock."""

    requests: int
    answered: int = 0
    delivered: int = 0
    unanswered: int = 0  # no answer from the balancer at all
    turned_away: int = 0  # answered 503: never counted by the balancer
    first_send: float = 0.0
    last_send: float = 0.0
    last_answer: float = 0.0
    latency: Histogram = field(default_factory=Histogram)  # from the time due to the last byte
    lateness: Lateness = field(default_factory=Lateness)  # of sending, behind the time due

    def facts(self) -> dict[str, Any]:
        """What only the client knows, under the contract's names."""
        span = self.last_send - self.first_send
        percentiles = {"p50": self.latency.quantile(0.5), "p99": self.latency.quantile(0.99)}
        return {
            "offered_rate": (self.requests - 1) / span if span > 0 else None,
            "latency_ms": {
                name: None if seconds is None else float(f"{1000 * seconds:.4g}")
                for name, seconds in percentiles.items()
            },
            "seconds": self.last_answer - self.first_send,
        }


@dataclass
class Stream:
    """The requests of one run: where they go, and when the first one is due."""

    url: str
    ids: Sequence[str]
    start: float  # seconds of the monotonic clock
    said: Sequence[Mapping[str, str]] | None = None  # headers of each request
    method: str = "POST"  # "GET" has the id as its query

    def __post_init__(self) -> None:
        self.sent = Sent(len(self.ids))

    def headers(self, number: int) -> Mapping[str, str] | None:
        return None if self.said is None else self.said[number]


class Client:
    """Sends the requests of any number of runs at once."""

    def __init__(self, session: aiohttp.ClientSession, rate: float) -> None:
        self._session = session
        self._rate = rate

    @classmethod
    @asynccontextmanager
    async def open(cls, rate: float, deadline: float) -> AsyncIterator["Client"]:
        """``rate``: requests per second of each run; ``deadline``: seconds for each request."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=deadline + GRACE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "text/plain"},
        ) as session:
            yield cls(session, rate)

    async def run(
        self, streams: Sequence[Stream], on_answer: Callable[[], None] = lambda: None
    ) -> None:
        """Send every request at its time; done when all are answered.

        What is overdue together is sent in random order: where the machine does not keep up, that
        hits all runs alike.
        """
        due = heapq.merge(*map(self._due, range(len(streams)), streams))
        async with asyncio.TaskGroup() as group:
            async for batch in _batches(due):
                random.shuffle(batch)
                for time_due, index, number in batch:
                    sending = self._send(streams[index], number, time_due, on_answer)
                    group.create_task(sending)

    def _due(self, index: int, stream: Stream) -> Iterator[Due]:
        for number in range(len(stream.ids)):
            yield stream.start + number / self._rate, index, number

    async def _send(
        self, stream: Stream, number: int, due: float, on_answer: Callable[[], None]
    ) -> None:
        sent, now = stream.sent, time.monotonic()
        sent.first_send = sent.first_send or now
        sent.last_send = now
        sent.lateness.add(now - due)
        try:
            async with self._request(stream, number) as response:
                await response.read()
                sent.delivered += response.status == 200
                sent.turned_away += response.status == 503
        except (aiohttp.ClientError, TimeoutError, OSError):
            sent.unanswered += 1
        sent.answered += 1
        sent.last_answer = time.monotonic()
        sent.latency.add(sent.last_answer - due)
        on_answer()

    def _request(self, stream: Stream, number: int) -> Any:
        name, headers = stream.ids[number], stream.headers(number)
        if stream.method == "GET":
            return self._session.get(f"{stream.url}?{name}", headers=headers)
        return self._session.post(stream.url, data=name.encode(), headers=headers)


async def _batches(due: Iterator[Due]) -> AsyncIterator[list[Due]]:
    """Wait until the next request is due; then all that are due by now."""
    batch: list[Due] = []
    for each in due:
        if each[0] > time.monotonic():
            if batch:
                yield batch
                batch = []
            await asyncio.sleep(max(0.0, each[0] - time.monotonic()))
        batch.append(each)
    if batch:
        yield batch
