"""The words every other module speaks: outcomes, rules, what is known, what was learnt.

Shapes.  R replications are independent copies of the same experiment; live, R is 1.  K arms
are the servers.  A *batch* is n decisions, at most one per replication, so ``rows`` holds n
distinct indices into the replication axis.  Times are seconds of one monotonic clock, whose
zero means nothing.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HOLD = -1
GIVE_UP = -2
PLENTY = 1_000  # attempts left where nothing limits them


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
    features: int = 0  # numbers that are known of a request: d
    tasks: tuple[int, int] = (0, 0)  # the columns of the features that mark its task, end excluded
    rewards: bool = False  # whether answers are judged later; else a success is worth 1
    usd: float = 0.0  # points that a dollar costs
    seconds: float = 0.0  # points that a second costs

    def task(self, features: Floats | None) -> int | None:
        """The task that (1, d) features mark, from 0; None where they mark none."""
        first, last = self.tasks
        if features is None or last <= first:
            return None
        return int(features[0, first:last].argmax())

    def score(self, delivered: float, paid_attempts: float) -> float:
        return delivered - self.penalty * paid_attempts


# The following are not frozen: three are built for every live attempt, and freezing triples the
# time that takes.  Nobody changes one after building it.


@dataclass(slots=True)
class Context:
    """What is known when a batch of n decisions is due."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds
    attempt: Ints  # (n,) the number of the attempt to be decided, 1 for a request's first
    tried: Bools  # (n, K) servers this request has already been sent to
    deadline: Floats  # (n,) seconds, same clock as now
    request: Ints  # (n,) the same for all attempts of a request, in a row no other's
    left: Ints  # (n,) attempts that may still be made, this one included
    available: Bools  # (n, K) servers that may be sent to: not down, not draining, not full
    size: Floats  # (n,) expected tokens or bytes, NaN where unknown
    features: Floats | None = None  # (n, d)
    reserve: Floats | None = None  # (n, K) the most dollars that an attempt can cost

    @classmethod
    def of(
        cls,
        rows: Ints,
        now: Floats,
        attempt: Ints,
        tried: Bools,
        deadline: Floats,
        **known: Any,
    ) -> Self:
        """A context in which what is not said is as usual: every server is available."""
        usual = {
            "request": np.array(rows, dtype=np.int64),
            "left": np.full(len(rows), PLENTY),
            "available": np.ones(tried.shape, dtype=bool),
            "size": np.full(len(rows), np.nan),
        }
        return cls(rows, now, attempt, tried, deadline, **(usual | known))

    def take(self, those: Ints) -> "Context":
        """Some decisions of the batch."""
        return Context(
            self.rows.take(those),
            self.now.take(those),
            self.attempt.take(those),
            self.tried.take(those, 0),
            self.deadline.take(those),
            self.request.take(those),
            self.left.take(those),
            self.available.take(those, 0),
            self.size.take(those),
            None if self.features is None else self.features.take(those, 0),
            None if self.reserve is None else self.reserve.take(those, 0),
        )


@dataclass(slots=True)
class Action:
    """What to do with each of the n requests, and why."""

    arm: Ints  # (n,) a server, HOLD or GIVE_UP
    until: Floats | None = None  # (n,) seconds: when to ask again about a held request
    index: Floats | None = None  # (n, K) their ranks: a held request is promised the highest one
    eligible: Bools | None = None  # (n, K) which of them were ranked at all
    probability: Floats | None = None  # (n,) of the chosen arm given the context, NaN unknown
    beside: Floats | None = None  # (n,) seconds: when to ask for one more beside it, inf never
    price: Floats | None = None  # (n,) that the dearest server's dollars took from its index


@dataclass(slots=True)
class Feedback:
    """How a batch of n earlier attempts ended, of this balancer or of a replica of it."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds
    arm: Ints  # (n,)
    outcome: Ints  # (n,) Outcome values
    latency: Floats  # (n,) seconds from sending to the end
    retry_after: Floats  # (n,) seconds the server asked us to wait, NaN where it did not say
    request: Ints  # (n,)
    attempt: Ints  # (n,) its number
    cost: Floats  # (n,) dollars
    size: Floats  # (n,) tokens or bytes, NaN where unknown
    features: Floats | None = None  # (n, d)

    @classmethod
    def of(  # noqa: PLR0917 - in the order of the fields
        cls,
        rows: Ints,
        now: Floats,
        arm: Ints,
        outcome: Ints,
        latency: Floats,
        retry_after: Floats,
        **known: Any,
    ) -> Self:
        """Feedback in which what is not said is as usual: a first attempt that cost nothing."""
        usual = {
            "request": np.array(rows, dtype=np.int64),
            "attempt": np.ones(len(rows), dtype=np.intp),
            "cost": np.zeros(len(rows)),
            "size": np.full(len(rows), np.nan),
        }
        return cls(rows, now, arm, outcome, latency, retry_after, **(usual | known))

    def take(self, those: Ints) -> "Feedback":
        """Some of these attempts."""
        return Feedback(
            self.rows.take(those),
            self.now.take(those),
            self.arm.take(those),
            self.outcome.take(those),
            self.latency.take(those),
            self.retry_after.take(those),
            self.request.take(those),
            self.attempt.take(those),
            self.cost.take(those),
            self.size.take(those),
            None if self.features is None else self.features.take(those, 0),
        )


@dataclass(slots=True)
class Reward:
    """What n answers were worth, which may be known minutes after they were delivered."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds
    request: Ints  # (n,)
    arm: Ints  # (n,) the server that answered
    value: Floats  # (n,) in [0, 1]
    previous: Floats  # (n,) the value that this one corrects, NaN where it is the first
    features: Floats | None = None  # (n, d) as they were when the server was chosen


@dataclass(slots=True)
class Preference:
    """Of two answers to the same question, which one was better, in n rows."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds
    better: Ints  # (n,) the server that gave the better answer
    worse: Ints  # (n,) another one
    features: Floats | None = None  # (n, d) of the question
    corrects: Bools | None = None  # (n,) whether the opposite was said of these answers before


@dataclass(slots=True)
class Sent:
    """What a replica of this balancer sends, or has promised to send."""

    rows: Ints  # (n,)
    now: Floats  # (n,) seconds: when this became known
    request: Ints  # (n,)
    arm: Ints  # (n,)
    time: Floats  # (n,) seconds: when it is sent, was sent, or will be
    promised: Bools  # (n,) whether it is only promised
    size: Floats  # (n,) expected tokens or bytes, NaN where unknown
