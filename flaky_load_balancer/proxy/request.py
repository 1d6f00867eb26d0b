"""A request in flight, what its route allows it, and what was decided about it.  No I/O."""

from dataclasses import dataclass
from math import inf, nan

from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.core.types import Bools, Floats
from flaky_load_balancer.proxy.hedging import Hedging
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.retry import PLENTY, RetryBudget
from flaky_load_balancer.proxy.timers import Alarms, Within


class OverloadedError(Exception):
    """As many requests are in flight as there is room for."""


class Policy:
    """What a route allows its requests: time in seconds, attempts, retries, hedges."""

    def __init__(
        self,
        total: float = 10.0,
        attempt_timeout: float = inf,
        *,
        max_attempts: int = PLENTY,
        budget: RetryBudget | None = None,
        hedging: Hedging | None = None,
        slow_start: bool = False,
    ) -> None:
        self.total = total
        self.totals = Alarms(total)
        self.attempt_timeouts = Alarms(attempt_timeout) if attempt_timeout < total else None
        self.max_attempts = max_attempts
        self.budget = budget
        self.hedging = hedging
        self.slow_start = slow_start


@dataclass(slots=True)
class Decision:
    """One answer of the strategy, with what it was based on and what came of it."""

    cursor: int  # counts up by one, for ever
    time: float
    request: int
    id: str
    number: int  # of the attempt that was decided about
    arm: int  # a server, HOLD or GIVE_UP
    server: str | None
    until: float | None
    index: Floats | None  # (K,)
    eligible: Bools | None  # (K,)
    probability: float | None
    answer: Answer | None = None
    latency: float | None = None
    features: Floats | None = None  # (d,) what the strategy saw of the request
    most: Floats | None = None  # (K,) the most dollars that an attempt can cost
    budget: float | None = None  # dollars that were left
    beside: float | None = None  # seconds until another attempt is wanted beside it
    price: float | None = None  # that the dearest server's dollars took from its index


@dataclass(slots=True)
class Request:
    """A request in flight, and in the end what became of it."""

    count: int
    id: str
    arrived: float
    deadline: float
    slot: int
    policy: Policy
    features: Floats | None = None  # (1, d) what the strategy sees of it
    cost: float | None = None  # dollars, of all its attempts
    answer_id: str | None = None  # of the answer that was delivered
    answered_by: int | None = None  # the server that did, in the run's list
    attempts: int = 0
    arm: int | None = None  # the last server attempted: if delivered, by it
    server: str | None = None  # its name
    any_failed: bool = False
    last_reason: str | None = None
    unclear: bool = False  # an attempt was cut off, and may have been served all the same
    possibly_twice: bool = False
    unavailable: bool = False  # every server was drained or full
    short: bool = False  # this machine was short of sockets or memory
    ending: Ending = Ending.ABANDONED
    ended: float = nan
    limit: Within | None = None

    @property
    def status(self) -> int:
        """What a client is answered to whom no server's answer can be passed on."""
        if self.ending is Ending.DELIVERED:
            return 200
        if self.short or self.unavailable:
            return 503
        if self.ending is Ending.DEADLINE:
            return 504
        return 502 if self.any_failed else 429

    @property
    def why(self) -> str:
        """The same in words."""
        if self.short:
            return "the balancer is short of sockets"
        if self.unavailable:
            return "every server is drained or full"
        if self.ending is Ending.DEADLINE:
            return "the deadline passed first"
        if self.any_failed:
            return f"no server delivered it; the last failure: {self.last_reason}"
        return "every server refused for now"
