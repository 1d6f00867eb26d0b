"""Posts what happens to a URL, one after the other, and never lets anybody wait for that."""

import asyncio
import logging
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import orjson

from flaky_load_balancer.config.values import basic
from flaky_load_balancer.proxy.http1 import Client, Headers, UpstreamError

TIMEOUT = 5.0  # seconds that a try may take
WAITS = 0.0, 1.0, 5.0  # seconds before each try
WAITING = 100  # messages; of more the oldest are dropped
TAKEN = range(200, 300)
log = logging.getLogger(__name__)


class Webhook:
    """A receiver of JSON at ``url``, whose path and query are never logged."""

    def __init__(self, url: str, client: Client) -> None:
        parts = urlsplit(url)
        self._client, self._upstream = client, client.upstream(url)
        self._name = parts.hostname or ""
        self._target = ((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).encode()
        host = parts.netloc.rpartition("@")[2].encode()
        self._headers: Headers = [
            (b"Host", host),
            (b"User-Agent", b"flb-alerts"),
            (b"Content-Type", b"application/json"),
        ]
        credentials = basic(parts)
        if credentials is not None:
            self._headers.append((b"Authorization", credentials.encode()))
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def send(self, message: dict[str, Any]) -> None:
        """Post this as soon as that is possible."""
        if len(self._waiting) == WAITING:
            log.warning("webhook at %s is too slow: an alert is dropped", self._name)
        self._waiting.append(message)
        self._news.set()

    def close(self) -> None:
        """What is under way is lost."""
        self._task.cancel()
        self._client.forget(self._upstream)

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._deliver(orjson.dumps(self._waiting.popleft()))

    async def _deliver(self, body: bytes) -> None:
        problem: str | None = None
        for wait in WAITS:
            await asyncio.sleep(wait)
            problem = await self._problem(body)
            if problem is None:
                return
        log.warning("webhook at %s does not take an alert: %s", self._name, problem)

    async def _problem(self, body: bytes) -> str | None:
        """What went wrong with a try; None if nothing did."""
        try:
            async with asyncio.timeout(TIMEOUT):
                status = await self._posted(body)
        except TimeoutError:
            return f"no answer within {TIMEOUT:g} s"
        except UpstreamError as error:
            return str(error)
        return None if status in TAKEN else f"status {status}"

    async def _posted(self, body: bytes) -> int:
        connection = await self._upstream.connect(TIMEOUT, fresh=True)
        try:
            connection.limit(TIMEOUT, TIMEOUT)
            connection.send(b"POST", self._target, self._headers, len(body), body)
            return (await connection.answer()).status
        finally:
            connection.close()
