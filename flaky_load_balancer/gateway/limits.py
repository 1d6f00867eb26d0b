"""What providers say of their limits, in all the shapes in which they say it.  No I/O.

Retry-After (RFC 9110), retry-after-ms, x-ms-retry-after-ms       seconds or a date; milliseconds
x-ratelimit-{limit,remaining,reset}-{requests,tokens}             OpenAI; resets as "1m0.5s", "12ms"
anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}     resets as ISO 8601
x-ratelimit-{limit,remaining,reset}                               seconds, a time or a date
RateLimit: limit=100, remaining=0, reset=5                        IETF draft 06
RateLimit: "default";r=0;t=5                                      IETF drafts from 07 on
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import nan
from typing import NamedTuple

from flaky_load_balancer.proxy import outcomes
from flaky_load_balancer.proxy.http1 import Headers

REQUESTS, TOKENS = "requests", "tokens"
DURATION = re.compile(
    r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?"
)
NUMBER = re.compile(r"-?\d{1,15}(?:\.\d+)?")
DRAFT = re.compile(r"\b(remaining|reset|limit|r|t)=(\d{1,15})")
EPOCH_FROM = 1e8  # a larger number is no wait but a time since the epoch
MILLISECONDS_FROM = 1e11  # and an even larger one is in milliseconds
LONGEST = 3600.0  # seconds for which what a server says of its limits is believed


class Allowance(NamedTuple):
    """What a server says is left, of requests or tokens, and in how many seconds it is more."""

    unit: str
    remaining: float
    reset: float  # NaN if it does not say


def wait(headers: Headers, now: float) -> float:
    """Seconds that a refusal asks to wait; NaN if it does not say.  ``now`` since the epoch."""
    named = _named(headers)
    waits = [outcomes.retry_after(named.get("retry-after", []), outcomes.date_of(headers, now))]
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        waits += [_number(value) / 1000 for value in named.get(name, [])]
    said = [each for each in waits if each >= 0]  # no NaN
    if not said:
        said = [each.reset for each in _allowances(named, now) if each.remaining <= 0]
    return max((each for each in said if not math.isnan(each)), default=nan)


def allowances(headers: Headers, now: float) -> list[Allowance]:
    """What is left by the headers of any answer; ``now`` in seconds since the epoch."""
    if not any(b"ratelimit" in name.lower() for name, _ in headers):
        return []
    return list(_allowances(_named(headers), now))


def _allowances(named: Mapping[str, list[str]], now: float) -> Iterator[Allowance]:
    for unit in (REQUESTS, TOKENS):
        for shape in (f"x-ratelimit-{{}}-{unit}", f"anthropic-ratelimit-{unit}-{{}}"):
            yield from _triple(named, unit, shape, now)
    yield from _triple(named, REQUESTS, "x-ratelimit-{}", now)
    for value in named.get("ratelimit", []):
        found = dict(DRAFT.findall(value))
        left = found.get("remaining") or found.get("r")
        if left:
            reset = found.get("reset") or found.get("t") or "nan"
            yield Allowance(REQUESTS, float(left), float(reset))


def _triple(
    named: Mapping[str, list[str]], unit: str, shape: str, now: float
) -> Iterator[Allowance]:
    """Azure says 0 or -1 for all of them where it does not know."""
    limit, remaining, reset = (
        next(iter(named.get(shape.format(word), [])), "")
        for word in ("limit", "remaining", "reset")
    )
    left = _number(remaining)
    known = left > 0 or (left == 0 and not _number(limit or "1") <= 0)
    if known:
        yield Allowance(unit, left, _reset(reset, now))


def _reset(value: str, now: float) -> float:
    """Seconds from now; NaN if it cannot be read."""
    seconds = _seconds(value.strip(), now)
    return seconds if math.isnan(seconds) else min(LONGEST, max(0.0, seconds))


def _seconds(value: str, now: float) -> float:
    number = _number(value)
    if not math.isnan(number):
        if number > MILLISECONDS_FROM:
            return number / 1000 - now
        return number - now if number > EPOCH_FROM else number
    found = DURATION.fullmatch(value) if value else None
    if found is not None:
        parts = [float(each or 0) for each in found.groups()]
        scales = (86_400, 3600, 60, 1, 0.001)
        return sum(part * scale for part, scale in zip(parts, scales, strict=True))
    try:
        date = datetime.fromisoformat(value)
        return date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now
    except ValueError:
        return outcomes.retry_after([value], now) if value else nan


def _number(value: str) -> float:
    return float(value) if NUMBER.fullmatch(value.strip()) else nan


def _named(headers: Headers) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return named


class Remaining:
    """What is left of a server's limits, by its last answers: counted down with what is sent.

    A hint and no more: it says nothing of limits that the server does not tell of.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # unit: what is left, until when

    def told(self, said: list[Allowance], now: float, in_flight: int, size: float) -> None:
        """An answer said so; ``in_flight`` more of about this size are under way."""
        for unit, left, reset in said:
            if not math.isnan(reset):
                taken = in_flight * (1.0 if unit == REQUESTS else size)
                self._left[unit] = left - taken, now + reset

    def sent(self, size: float) -> None:
        """One more attempt is under way, of about so many tokens."""
        for unit, (left, until) in self._left.items():
            self._left[unit] = left - (1.0 if unit == REQUESTS else size), until

    def allows(self, size: float, now: float) -> bool:
        """Whether there is room for one of about so many tokens."""
        return all(
            left >= (1.0 if unit == REQUESTS else size) or until <= now
            for unit, (left, until) in self._left.items()
        )
