"""What happened, as facts.  Every number that anyone sees is folded from these (tally.py).

Every event has a kind (``KINDS``), the word under which it is sent to other processes.  Fields
are only ever added at the end and have a default, so that a reader of today reads what a writer of
yesterday wrote; ``VERSION`` counts up when that happens.

``server`` is an index into the servers of the run.  That list only grows: a server that a reload
brings gets the next number, one that goes keeps its own.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

VERSION = 6


class Ending(StrEnum):
    """Why a request left the balancer.  All but DELIVERED count as given up."""

    DELIVERED = "delivered"
    GIVEN_UP = "given-up"  # the strategy stopped, or the last attempt was made
    DEADLINE = "deadline"  # its time was over
    ABANDONED = "abandoned"  # the client hung up, or the balancer is shutting down


class Attempt(NamedTuple):
    """One request was sent once to one server, and that has ended."""

    request: int  # the run's own count of requests, from 1: an id sent again is a new request
    number: int  # 1 for the request's first attempt
    server: int
    outcome: int  # an Outcome
    sent: float  # seconds since the epoch
    latency: float  # seconds from sending to the end of the answer
    reason: str | None = None  # why it failed, one word: refused, reset, timeout, name, ...
    status: int | None = None  # of the server's answer, where one came
    hedge: bool = False  # sent beside an earlier attempt that was still going on
    probability: float | None = None  # with which the strategy chose this server, where known
    cost: float | None = None  # dollars
    size: float | None = None  # tokens or bytes
    first_byte: float | None = None  # seconds from sending to the head of the answer
    output: float | None = (
        None  # tokens of the answer, of a language model; of ``size`` the rest asked
    )
    estimated: bool = False  # the tokens and the cost, which nobody has counted
    task: int | None = None  # that the features of the request mark


class Delivery(NamedTuple):
    """A request left the balancer, delivered or given up."""

    request: int
    id: str
    arrived: float  # seconds since the epoch
    ended: float
    ending: Ending
    attempts: int
    possibly_twice: bool  # an earlier attempt was cut off or timed out, a later one succeeded
    code: int | None = None  # the HTTP status that the client got
    cost: float | None = None  # dollars, of all its attempts
    features: Sequence[float] | None = None  # what the strategy saw of the request
    answer: str | None = None  # the id that the server gave its answer
    server: int | None = None  # that delivered it


class Rewarded(NamedTuple):
    """What an answer was worth became known, perhaps long after it was delivered."""

    request: int
    server: int
    time: float  # seconds since the epoch
    value: float  # 0 to 1
    previous: float | None = None  # the value that this one corrects
    task: int | None = None  # that the features of the request mark


class Preferred(NamedTuple):
    """One of two answers to the same question turned out to be better."""

    request: int  # of the better answer
    server: int
    time: float  # seconds since the epoch
    other_run: int  # of the other answer: its part of an A/B test may be another
    other_request: int
    other_server: int  # in the list of that run


class Changed(NamedTuple):
    """From this time on a server, or the whole route, is in another state."""

    time: float  # seconds since the epoch
    state: str  # of a server: up, down, draining, ...; of a route: reloaded, fresh, panic, ...
    server: int | None = None  # None: the whole route
    reason: str | None = None


Event = Attempt | Delivery | Rewarded | Preferred | Changed

KINDS: dict[type[Event], str] = {
    Attempt: "attempt",
    Delivery: "delivery",
    Rewarded: "reward",
    Preferred: "preference",
    Changed: "change",
}
_ENDING = Delivery._fields.index("ending")
_BY_KIND = {kind: made for made, kind in KINDS.items()}


def packed(event: Event) -> tuple[Any, ...]:
    """An event as plain values, its kind first; ``unpacked`` is the inverse."""
    return (KINDS[type(event)], *event)


def unpacked(values: Sequence[Any]) -> Event:
    """The event that ``packed`` took apart, also when it has been through JSON since.

    Values behind the last field are left out.
    """
    made = _BY_KIND[values[0]]
    fields = list(values[1 : 1 + len(made._fields)])
    if made is Delivery:
        fields[_ENDING] = Ending(fields[_ENDING])
    return made(*fields)
