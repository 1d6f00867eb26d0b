"""The real servers, over HTTP: the only module that knows a status code from an outcome."""

import math
import re
import time
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Self

from flaky_load_balancer.core.balancer import LONGEST_WAIT
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.dispatcher import Answer
from flaky_load_balancer.proxy.exchange import BrokenAnswerError, Exchanges, Server

SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")  # whole ones by the RFC; some servers are more exact


def retry_after(header: str | None, now: float) -> float:
    """Seconds to wait by a ``Retry-After`` header, in seconds or as an HTTP date; NaN if none.

    ``now`` is in seconds since the epoch.  RFC 9110, section 10.2.3; what cannot be read counts
    as not said.
    """
    if header is None:
        return math.nan
    header = header.strip()
    if SECONDS.fullmatch(header):
        return min(LONGEST_WAIT, float(header))
    try:
        date = parsedate_to_datetime(header)
        seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now
    except (ValueError, OverflowError):
        return math.nan
    return min(LONGEST_WAIT, max(0.0, seconds))


def classify(status: int, retry_after_header: str | None, now: float) -> Answer:
    """What a complete answer teaches: ``now`` in seconds since the epoch."""
    if 200 <= status < 300:
        return Answer(Outcome.SUCCEEDED)
    if status == 429 or (status == 503 and retry_after_header is not None):
        return Answer(Outcome.RATE_LIMITED, retry_after(retry_after_header, now))
    return Answer(Outcome.FAILED)


class Upstreams:
    """Connections to the servers of all routes."""

    def __init__(self) -> None:
        self._exchanges = Exchanges()

    def pool(self, servers: Sequence[str]) -> "Pool":
        return Pool(self._exchanges, [Server.at(url) for url in servers])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._exchanges.close()


class Pool:
    """The servers of one route; ``send`` is what its dispatcher calls."""

    def __init__(self, exchanges: Exchanges, servers: list[Server]) -> None:
        self._exchanges = exchanges
        self._servers = servers

    async def send(self, arm: int, request_id: str) -> Answer:
        """One attempt.  Takes as long as it takes: the dispatcher owns the time limits."""
        try:
            status, header = await self._exchanges.post(self._servers[arm], request_id.encode())
        except OSError:
            return Answer(Outcome.FAILED)  # no connection: it surely was not served
        except BrokenAnswerError:
            return Answer(Outcome.FAILED, unclear=True)
        return classify(status, header, time.time())
