"""The clients' side of a run: requests sent open loop, at a rate that nothing slows down.

A closed loop waits for an answer before it sends the next request, so a slow balancer is offered
less load and looks better than it is.  Here every request has its time; latency counts from the
time it was due, so that a delay of our own is seen and not hidden.
"""

import asyncio
import random
import string
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from flaky_load_balancer.core.histogram import Histogram

ALPHABET = string.ascii_letters + string.digits
PATIENCE = 5.0  # seconds beyond the deadline that we wait for an answer


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
    latest: float = 0.0  # the most that a send was behind its time
    latency: Histogram = field(default_factory=Histogram)

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


class Client:
    """Sends the requests of any number of runs at once."""

    def __init__(self, session: aiohttp.ClientSession, rate: float) -> None:
        self._session = session
        self._rate = rate

    @classmethod
    @asynccontextmanager
    async def open(cls, rate: float, deadline: float) -> AsyncIterator["Client"]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=deadline + PATIENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "text/plain"},
        ) as session:
            yield cls(session, rate)

    async def run(
        self, url: str, ids: list[str], start: float, on_answer: Callable[[], None] = lambda: None
    ) -> Sent:
        """Send one request after the other from ``start`` on; done when all are answered."""
        sent = Sent(len(ids))
        async with asyncio.TaskGroup() as group:
            for number, request_id in enumerate(ids):
                due = start + number / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(self._send(url, request_id, due, sent, on_answer))
        return sent

    async def _send(
        self, url: str, request_id: str, due: float, sent: Sent, on_answer: Callable[[], None]
    ) -> None:
        now = time.monotonic()
        sent.first_send = sent.first_send or now
        sent.last_send = now
        sent.latest = max(sent.latest, now - due)
        try:
            async with self._session.post(url, data=request_id.encode()) as response:
                await response.read()
                sent.delivered += response.status == 200
                sent.turned_away += response.status == 503
        except (aiohttp.ClientError, TimeoutError, OSError):
            sent.unanswered += 1
        sent.answered += 1
        sent.last_answer = time.monotonic()
        sent.latency.add(sent.last_answer - due)
        on_answer()
