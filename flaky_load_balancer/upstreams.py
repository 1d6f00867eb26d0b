"""The real servers, over HTTP: the only module that knows a status code from an outcome."""

import math
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from flaky_load_balancer.dispatcher import Answer
from flaky_load_balancer.types import Outcome

LONGEST_WAIT = 60.0  # seconds: a server may not send us away for longer than this
KEEP_ALIVE = 1.5  # seconds idle; below the 2 to 5 s after which common servers hang up, since an
#                   attempt on a connection that the server is just closing is a failure for nothing
HEADERS = {"Content-Type": "text/plain"}


def retry_after(header: str | None, now: float) -> float:
    """Seconds to wait by a ``Retry-After`` header, in seconds or as an HTTP date; NaN if none.

    ``now`` is in seconds since the epoch.  RFC 9110, section 10.2.3; what cannot be read counts
    as not said.
    """
    if header is None:
        return math.nan
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError):
            return math.nan
    return min(LONGEST_WAIT, max(0.0, seconds)) if not math.isnan(seconds) else math.nan


def classify(status: int, retry_after_header: str | None, now: float) -> Answer:
    """What a complete answer teaches: ``now`` in seconds since the epoch."""
    if 200 <= status < 300:
        return Answer(Outcome.SUCCEEDED)
    if status == 429 or (status == 503 and retry_after_header is not None):
        return Answer(Outcome.RATE_LIMITED, retry_after(retry_after_header, now))
    return Answer(Outcome.FAILED)


class Upstreams:
    """One pool of connections to all the servers of all routes."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def pool(self, servers: Sequence[str]) -> "Pool":
        if self._session is None:
            raise RuntimeError("a pool is made inside 'async with Upstreams()'")
        return Pool(self._session, [URL(server) for server in servers])

    async def __aenter__(self) -> Self:
        # limit=0: how many requests are in flight is the balancer's business.  Nothing is kept
        # or guessed between requests: no cookies, no proxies, no redirects, no decompression.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept"),
            headers=HEADERS,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()


class Pool:
    """The servers of one route; ``send`` is what its dispatcher calls."""

    def __init__(self, session: aiohttp.ClientSession, servers: list[URL]) -> None:
        self._session = session
        self._servers = servers

    async def send(self, arm: int, request_id: str) -> Answer:
        """One attempt.  Takes as long as it takes: the dispatcher owns the time limits."""
        try:
            async with self._session.post(
                self._servers[arm], data=request_id.encode(), allow_redirects=False
            ) as response:
                async for _ in response.content.iter_any():
                    pass  # an answer that breaks off half way is no answer
                header = response.headers.get("Retry-After")
                return classify(response.status, header, time.time())
        except aiohttp.ClientConnectorError:
            return Answer(Outcome.FAILED)  # refused: it surely was not served
        except (aiohttp.ClientError, OSError, ValueError):
            return Answer(Outcome.FAILED, unclear=True)
