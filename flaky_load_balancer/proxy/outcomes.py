"""What an answer, or its absence, teaches about a server: the one place that knows statuses."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import nan

from flaky_load_balancer.core.balancer import LONGEST_WAIT
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.http1 import Reason, UpstreamError

SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")  # whole ones by the RFC; some servers are more exact
SUCCESS = range(200, 300)  # of kind ids
TOO_EARLY = 425  # RFC 8470
TOO_MANY = 429
UNAVAILABLE = 503


@dataclass(slots=True)
class Answer:
    """What came of one attempt."""

    outcome: Outcome
    retry_after: float = nan  # seconds that the server asked to wait
    processed: bool = True  # the server may have done what was asked
    unclear: bool = False  # and nobody knows, since no whole answer came
    reason: str | None = None  # why it failed, in a word
    detail: str | None = None  # the same for people
    ours: bool = False  # this machine was short of something: says nothing about the server


@dataclass(slots=True)
class Worth:
    """What a server says that its answer is worth, and costs.

    X-Quality: 0.8;after=5          0 to 1; to be known only so many seconds later
    X-Cost-USD: 0.0012
    """

    quality: float | None = None
    after: float = 0.0
    cost: float | None = None


_UNSAID = Worth()  # of most answers; nobody changes it
_SUCCEEDED = Answer(Outcome.SUCCEEDED)  # of most attempts; nobody changes an answer


def of_game(status: int, headers: list[tuple[bytes, bytes]], now: float) -> Answer:
    """Kind ``ids``: only 2xx is a success; ``now`` in seconds since the epoch."""
    if status in SUCCESS:
        return _SUCCEEDED
    refused = _refusal(status, headers, now, early_data=False)
    return refused or _failed(status)


def of_http(
    status: int,
    headers: list[tuple[bytes, bytes]],
    now: float,
    failed: frozenset[int],
    *,
    early_data: bool = False,
) -> Answer:
    """Kind ``http``: a success is what is neither a refusal nor one of the ``failed`` statuses.

    ``early_data``: the request said so itself, and its client has to hear of a 425.
    """
    refused = _refusal(status, headers, now, early_data=early_data)
    if refused is not None:
        return refused
    if status in failed:
        return _failed(status)
    return _SUCCEEDED


def worth(headers: list[tuple[bytes, bytes]]) -> Worth:
    """What these headers of an answer say; what cannot be read is not said."""
    said = {name.lower(): value for name, value in headers if name[:2] in {b"X-", b"x-"}}
    quality, cost = said.get(b"x-quality"), said.get(b"x-cost-usd")
    if quality is None and cost is None:
        return _UNSAID
    value, _, after = (quality or b"").partition(b";after=")
    return Worth(_number(value, 1.0), _number(after, 1e6) or 0.0, _number(cost or b"", 1e6))


def _number(text: bytes, most: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= most else None


def broken(error: UpstreamError) -> Answer:
    """An attempt that ended without a whole answer."""
    detail = str(error)
    if error.reason is Reason.OURS:
        return Answer(Outcome.CANCELLED, processed=False, detail=detail, ours=True)
    reason = str(error.reason)
    return Answer(
        Outcome.FAILED, processed=error.sent, unclear=error.sent, reason=reason, detail=detail
    )


def _failed(status: int) -> Answer:
    return Answer(Outcome.FAILED, reason="status", detail=f"status {status}")


def _refusal(
    status: int, headers: list[tuple[bytes, bytes]], now: float, *, early_data: bool
) -> Answer | None:
    """A server's word that it did not try."""
    if status == TOO_EARLY and not early_data:
        return Answer(Outcome.RATE_LIMITED, processed=False, detail="status 425")
    if status not in {TOO_MANY, UNAVAILABLE}:
        return None
    told = [value.decode("latin-1") for name, value in headers if name.lower() == b"retry-after"]
    if status == UNAVAILABLE and not told:
        return None
    wait = retry_after(told, date_of(headers, now))
    return Answer(Outcome.RATE_LIMITED, wait, processed=False, detail=f"status {status}")


def date_of(headers: list[tuple[bytes, bytes]], now: float) -> float:
    """Now by the clock of whoever sent these headers, in seconds since the epoch."""
    for name, value in headers:
        if name.lower() == b"date":
            return _date(value.decode("latin-1"), now)
    return now


def retry_after(values: Iterable[str], now: float) -> float:
    """Seconds to wait by ``Retry-After`` headers, the longest of several; NaN if none can be read.

    Each is in seconds or an HTTP date (RFC 9110, section 10.2.3); ``now`` is the time by the clock
    of the server that sent them.
    """
    waits = [wait for value in values if not math.isnan(wait := _wait(value.strip(), now))]
    return max(waits, default=nan)


def _wait(value: str, now: float) -> float:
    seconds = float(value) if SECONDS.fullmatch(value) else _date(value, nan) - now
    return nan if math.isnan(seconds) else min(LONGEST_WAIT, max(0.0, seconds))


def _date(value: str, default: float) -> float:
    """Seconds since the epoch."""
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=date.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError, TypeError):
        return default
