"""What replicas tell each other: facts, and the batches of bytes that they travel in.

A batch is a head (who made it, when, and the number of its first fact), the names of the servers
that it speaks of, and the facts: 17 bytes for what was sent, 32 for how it ended.  Whoever made it
counts its facts from 0, for ever, so that a reader notices what is there twice and what is missing.

Times are seconds of one clock, and travel as microseconds before or after the batch was made;
a request's number travels as a difference to the lowest of the batch.  Nothing is ever unpickled:
what is damaged, of another version or impossible is refused as a whole (``FactsError``).
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan
from typing import Any, NamedTuple

from flaky_load_balancer.core.types import Outcome

VERSION = 1  # of the format; another one is not read
MOST = 10_000  # facts of a batch
LARGEST = 1 << 20  # bytes of a batch that is looked at
REQUESTS = 1 << 40  # numbers that one balancer can give


class FactsError(ValueError):
    """These bytes are no batch that can be read."""


class Begun(NamedTuple):
    """An attempt is sent."""

    request: int
    attempt: int
    server: str  # its identity: arms are numbered in another order elsewhere
    time: float
    size: float = nan  # tokens or bytes


class Promised(NamedTuple):
    """A held request is promised a server, in place of what it was promised before."""

    request: int
    server: str
    time: float  # when it will be sent
    since: float  # when it was promised
    size: float = nan


class Withdrawn(NamedTuple):
    """A request left that had a promise."""

    request: int


class Ended(NamedTuple):
    """An attempt ended, and says all that is known of it: what told of its begin may be lost."""

    request: int
    attempt: int
    server: str
    outcome: int
    began: float
    time: float
    retry_after: float = nan
    cost: float = 0.0
    size: float = nan
    features: tuple[float, ...] = ()


class Rewarded(NamedTuple):
    """An answer turned out to be worth so much."""

    request: int
    server: str
    time: float
    value: float
    previous: float = nan
    features: tuple[float, ...] = ()


class Preferred(NamedTuple):
    """One server's answer to a question was better than another's; ``request`` is any known one."""

    request: int
    better: str
    worse: str
    time: float
    features: tuple[float, ...] = ()
    corrects: bool = False  # the opposite was said of the two answers before


Fact = Begun | Promised | Withdrawn | Ended | Rewarded | Preferred


@dataclass(frozen=True, slots=True)
class Batch:
    """Some facts of one sender, in the order in which they happened."""

    sender: int  # chosen at random by each process that starts
    first: int  # the number of the first fact, or with none of the next one
    at: float  # seconds: when it was made
    facts: Sequence[Fact] = ()


_MAGIC = b"FLB"
_HEAD = struct.Struct("<3sBQQdQHH")  # magic, version, sender, first, at, base; names, facts
_BEGUN = struct.Struct("<BHIHif")
_PROMISED = struct.Struct("<BHIiif")
_WITHDRAWN = struct.Struct("<BI")
_ENDED = struct.Struct("<BHIHBiiiffH")
_REWARDED = struct.Struct("<BHIiffH")
_PREFERRED = struct.Struct("<BHHIi?H")
_FORMS = _BEGUN, _PROMISED, _WITHDRAWN, _ENDED, _REWARDED, _PREFERRED
SIZES = tuple(form.size for form in _FORMS)  # in bytes
_TICKS = 1e6  # per second
_UNSAID = -(2**31)  # in place of a time
_FAR = 2**31 - 1
_LONGEST = 2**16 - 1  # bytes of a name, and number of an attempt
_OUTCOMES = frozenset(map(int, Outcome))


def encode(batch: Batch, offset: float = 0.0) -> bytes:
    """A batch as bytes; ``offset`` seconds are added to all its times."""
    facts = batch.facts
    if len(facts) > MOST:
        raise ValueError(f"a batch has {MOST} facts at most, not {len(facts)}")
    base = min((fact.request for fact in facts), default=0)
    writer = _Writer(base, batch.at)
    body = b"".join([_WRITE[type(fact)](writer, fact) for fact in facts])
    names = [_named(name) for name in writer.names]
    made = batch.sender, batch.first, batch.at + offset, base, len(names), len(facts)
    return b"".join([_HEAD.pack(_MAGIC, VERSION, *made), *names, body])


def decode(data: bytes) -> Batch:
    """The batch that ``encode`` wrote; FactsError for anything else."""
    try:
        return _decoded(memoryview(data))
    except (struct.error, IndexError) as error:
        raise FactsError(f"a damaged batch: {type(error).__name__}: {error}") from None


class _Writer:
    """What the facts of a batch have in common."""

    def __init__(self, base: int, at: float) -> None:
        self.base, self.at = base, at
        self.names: dict[str, int] = {}

    def name(self, server: str) -> int:
        return self.names.setdefault(server, len(self.names))

    def time(self, seconds: float) -> int:
        return _ticks(seconds - self.at)

    def begun(self, fact: Begun) -> bytes:
        server, number = self.name(fact.server), fact.request - self.base
        attempt = min(fact.attempt, _LONGEST)
        return _BEGUN.pack(0, server, number, attempt, self.time(fact.time), fact.size)

    def promised(self, fact: Promised) -> bytes:
        server, number = self.name(fact.server), fact.request - self.base
        times = self.time(fact.time), self.time(fact.since)
        return _PROMISED.pack(1, server, number, *times, fact.size)

    def withdrawn(self, fact: Withdrawn) -> bytes:
        return _WITHDRAWN.pack(2, fact.request - self.base)

    def ended(self, fact: Ended) -> bytes:
        count = len(fact.features)
        head = _ENDED.pack(
            3,
            self.name(fact.server),
            fact.request - self.base,
            min(fact.attempt, _LONGEST),
            fact.outcome,
            self.time(fact.began),
            self.time(fact.time),
            _ticks(fact.retry_after),
            fact.cost,
            fact.size,
            count,
        )
        return head + struct.pack(f"<{count}f", *fact.features) if count else head

    def rewarded(self, fact: Rewarded) -> bytes:
        server, number, count = self.name(fact.server), fact.request - self.base, len(fact.features)
        said = self.time(fact.time), fact.value, fact.previous, count
        return _REWARDED.pack(4, server, number, *said) + struct.pack(f"<{count}f", *fact.features)

    def preferred(self, fact: Preferred) -> bytes:
        servers, count = (self.name(fact.better), self.name(fact.worse)), len(fact.features)
        said = fact.request - self.base, self.time(fact.time), fact.corrects, count
        return _PREFERRED.pack(5, *servers, *said) + struct.pack(f"<{count}f", *fact.features)


_WRITE: dict[type[Fact], Callable[[_Writer, Fact], bytes]] = {
    Begun: _Writer.begun,  # type: ignore[dict-item]
    Promised: _Writer.promised,  # type: ignore[dict-item]
    Withdrawn: _Writer.withdrawn,  # type: ignore[dict-item]
    Ended: _Writer.ended,  # type: ignore[dict-item]
    Rewarded: _Writer.rewarded,  # type: ignore[dict-item]
    Preferred: _Writer.preferred,  # type: ignore[dict-item]
}


def _decoded(data: memoryview) -> Batch:
    _require(len(data) <= LARGEST, f"it has {len(data)} bytes")
    magic, version, sender, first, at, base, names, count = _HEAD.unpack_from(data)
    _require(magic == _MAGIC, "it is of something else")
    _require(version == VERSION, f"it is of version {version}, this flb reads version {VERSION}")
    _require(isfinite(at) and base < REQUESTS and count <= MOST, "its head is impossible")
    reader = _Reader(data, _HEAD.size, base, at)
    reader.names = [reader.name() for _ in range(names)]
    facts = [reader.fact() for _ in range(count)]
    _require(reader.place == len(data), "it goes on behind its end")
    return Batch(sender, first, at, facts)


class _Reader:
    def __init__(self, data: memoryview, place: int, base: int, at: float) -> None:
        self.data, self.place, self.base, self.at = data, place, base, at
        self.names: list[str] = []

    def name(self) -> str:
        (length,) = struct.unpack_from("<H", self.data, self.place)
        start, self.place = self.place + 2, self.place + 2 + length
        _require(self.place <= len(self.data), "it ends too early")
        return str(self.data[start : self.place], "utf-8", "replace")

    def fact(self) -> Fact:
        return _READ[self.data[self.place]](self)

    def begun(self) -> Begun:
        _, server, number, attempt, time, size = self._next(_BEGUN)
        _require(attempt > 0 and _size(size), "an attempt is impossible")
        return Begun(self.base + number, attempt, self.names[server], self._time(time), size)

    def promised(self) -> Promised:
        _, server, number, time, since, size = self._next(_PROMISED)
        _require(_size(size), "a promise is impossible")
        times = self._time(time), self._time(since)
        return Promised(self.base + number, self.names[server], *times, size)

    def withdrawn(self) -> Withdrawn:
        _, number = self._next(_WITHDRAWN)
        return Withdrawn(self.base + number)

    def ended(self) -> Ended:
        _, server, number, attempt, outcome, *times, cost, size, count = self._next(_ENDED)
        began, time, retry_after = times
        possible = attempt > 0 and outcome in _OUTCOMES and began <= time
        _require(
            possible and 0 <= cost < inf and _size(size), "the end of an attempt is impossible"
        )
        waits = nan if retry_after == _UNSAID else retry_after / _TICKS
        _require(not waits < 0, "a server asks for a wait that is impossible")
        return Ended(
            self.base + number,
            attempt,
            self.names[server],
            outcome,
            self._time(began),
            self._time(time),
            waits,
            cost,
            size,
            self._features(count),
        )

    def rewarded(self) -> Rewarded:
        _, server, number, time, value, previous, count = self._next(_REWARDED)
        _require(0 <= value <= 1 and (isnan(previous) or 0 <= previous <= 1), "a reward is not")
        about = self.names[server], self._time(time), value, previous
        return Rewarded(self.base + number, *about, self._features(count))

    def preferred(self) -> Preferred:
        _, better, worse, number, time, corrects, count = self._next(_PREFERRED)
        about = self.names[better], self.names[worse], self._time(time)
        return Preferred(self.base + number, *about, self._features(count), corrects)

    def _next(self, form: struct.Struct) -> tuple[Any, ...]:
        place, self.place = self.place, self.place + form.size
        return form.unpack_from(self.data, place)

    def _time(self, ticks: int) -> float:
        return self.at + ticks / _TICKS

    def _features(self, count: int) -> tuple[float, ...]:
        features = struct.unpack_from(f"<{count}f", self.data, self.place)
        self.place += 4 * count
        _require(all(map(isfinite, features)), "a feature is no number")
        return features


_READ: Sequence[Callable[[_Reader], Fact]] = (
    *(_Reader.begun, _Reader.promised, _Reader.withdrawn),
    *(_Reader.ended, _Reader.rewarded, _Reader.preferred),
)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FactsError(f"not a batch that can be read: {otherwise}")


def _ticks(seconds: float) -> int:
    """Whole microseconds, as many as there is room for."""
    if seconds != seconds:  # noqa: PLR0124 - NaN
        return _UNSAID
    return max(-_FAR, min(_FAR, round(seconds * _TICKS)))


def _size(size: float) -> bool:
    return isnan(size) or 0 <= size < inf


def _named(name: str) -> bytes:
    text = name.encode()[:_LONGEST]
    return struct.pack("<H", len(text)) + text


def numbered(facts: Sequence[Fact], first: int) -> Iterator[tuple[int, Sequence[Fact]]]:
    """Facts cut into batches that are not too large, each with the number of its first."""
    for start in range(0, len(facts), MOST):
        yield first + start, facts[start : start + MOST]


def shortened(facts: Sequence[Fact]) -> Sequence[Fact]:
    """Facts without the begin of each attempt whose end is among them: an end says both."""
    ended = {(fact.request, fact.attempt) for fact in facts if isinstance(fact, Ended)}
    return [
        fact
        for fact in facts
        if not isinstance(fact, Begun) or (fact.request, fact.attempt) not in ended
    ]
