"""The words every other module speaks: outcomes, rules, what is known, what was learnt.

Shapes.  R replications are independent copies of the same experiment; live, R is 1.  K arms
are the servers.  A *batch* is n decisions, at most one per replication, so ``rows`` holds n
distinct indices into the replication axis.  Times are seconds of one monotonic clock, whose
zero means nothing.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HOLD = -1
GIVE_UP = -2


class Outcome(IntEnum):
    """How one attempt ended, named by what it teaches.  Exactly one for every attempt sent."""

    SUCCEEDED = 0
    FAILED = 1  # the server tried and failed: evidence about its quality
    RATE_LIMITED = 2  # the server refused to try: evidence about its capacity only
    CANCELLED = 3  # we stopped waiting: evidence about nothing

    @property
    def label(self) -> str:
        """The name that people, JSON and CSV see: ``succeeded``, ``rate-limited``, ..."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Rules:
    """The game being played."""

    arms: int
    free_attempts: int = 3
    max_attempts: int = 10
    penalty: float = 0.5  # points for every attempt beyond the free ones

    def score(self, delivered: float, paid_attempts: float) -> float:
        return delivered - self.penalty * paid_attempts


# Not frozen: three of these are built for every live attempt, and freezing triples the time that
# takes.  Nobody changes one after building it.


@dataclass(slots=True)
class Context:
    """What is known when a batch of n decisions is due."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds
    attempt: Ints  # (n,) 1 for a request's first
    tried: Bools  # (n, K) servers this request has already been sent to
    deadline: Floats  # (n,) seconds, same clock as now


@dataclass(slots=True)
class Action:
    """What to do with each of the n requests, and why."""

    arm: Ints  # (n,) a server, HOLD or GIVE_UP
    until: Floats | None = None  # (n,) seconds: when to ask again about a held request
    index: Floats | None = None  # (n, K) what the servers were ranked by
    eligible: Bools | None = None  # (n, K) which of them were ranked at all


@dataclass(slots=True)
class Feedback:
    """How a batch of n earlier attempts ended."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds
    arm: Ints  # (n,)
    outcome: Ints  # (n,) Outcome values
    latency: Floats  # (n,) seconds from sending to the end
    retry_after: Floats  # (n,) seconds the server asked us to wait, NaN where it did not say
