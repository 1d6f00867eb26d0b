"""What happened, as facts.  Every number that anyone sees is folded from these (tally.py)."""

from enum import StrEnum
from typing import NamedTuple


class Ending(StrEnum):
    """Why a request left the balancer.  All but DELIVERED count as given up."""

    DELIVERED = "delivered"
    GIVEN_UP = "given-up"  # the strategy stopped, or the last attempt was made
    DEADLINE = "deadline"  # its time was over
    ABANDONED = "abandoned"  # the client hung up, or we are shutting down


class Attempt(NamedTuple):
    """One request was sent once to one server, and that has ended."""

    request: int  # the run's own count of requests, from 1: an id sent again is a new request
    number: int  # 1 for the request's first attempt
    server: int  # index into the route's servers
    outcome: int  # an Outcome
    sent: float  # seconds since the epoch
    latency: float  # seconds


class Delivery(NamedTuple):
    """A request left the balancer, delivered or given up."""

    request: int
    id: str
    arrived: float  # seconds since the epoch
    ended: float
    ending: Ending
    attempts: int
    possibly_twice: bool  # an earlier attempt was cut off or timed out, a later one succeeded


Event = Attempt | Delivery
