"""What may be attempted again, and how often.  No I/O.

1. An attempt that surely was not processed may always be followed by another one.
2. Any other failed attempt only if the request may be repeated: by its method, or because the
   client sent an ``Idempotency-Key``.
3. Nothing is repeated once a byte of an answer went to the client, or once more of the request's
   body was sent than is kept.
4. Every further attempt, hedges included, takes a token from the route's retry budget.
"""

from typing import TYPE_CHECKING

from flaky_load_balancer.config import Retry
from flaky_load_balancer.proxy.counts import LIFETIME, Balance, Count
from flaky_load_balancer.proxy.outcomes import Answer

if TYPE_CHECKING:
    from flaky_load_balancer.proxy.carrier import Carrier

PLENTY = 2**31  # attempts: no limit but that of the rules
IDEMPOTENCY_KEY = b"idempotency-key"
ROUNDING = 1e-9  # of a token: sums of shares of it are not exact


class RetryPolicy:
    """Rule 2, for the requests of one route."""

    def __init__(self, retry: Retry) -> None:
        self._methods = frozenset(method.encode() for method in retry.methods)

    def repeatable(self, method: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether this request may be processed twice."""
        return method in self._methods or any(
            name.lower() == IDEMPOTENCY_KEY and value for name, value in headers
        )


class RetryBudget:
    """Rule 4: tokens for further attempts, as in Finagle's ``RetryBudget``.

    Each request brings ``percent`` hundredths of a token.  Requests and retries of the last ten
    seconds count, so that retries are at most so many percent of requests, and a ``reserve`` more.
    """

    def __init__(
        self,
        percent: float,
        per_second: float,
        balance: Balance | None = None,
        exhausted: Count | None = None,
    ) -> None:
        self._credit = percent / 100
        self._reserve = LIFETIME * per_second
        self._balance = balance or Balance()
        self._exhausted = exhausted or Count()

    def arrive(self, now: float) -> None:
        """A request came."""
        self._balance.add(now, self._credit)

    def tokens(self, now: float) -> int:
        """How many further attempts may be made now."""
        return max(0, int(self._left(now)))

    def take(self, now: float) -> bool:
        """Take a token for a further attempt, if there is one."""
        self._balance.add(now, -1.0)
        if self._left(now) >= 0:
            return True
        self.give_back(now)
        return False

    def give_back(self, now: float) -> None:
        """The attempt is not made after all."""
        self._balance.add(now, 1.0)

    def deny(self) -> None:
        """A request ends for want of a token."""
        self._exhausted.add(1)

    @property
    def exhausted(self) -> int:
        """Requests that ended for want of a token."""
        return self._exhausted.total

    def _left(self, now: float) -> float:
        return self._reserve + self._balance.total(now) + ROUNDING


def attempts_left(made: int, tokens: int, *, repeatable: bool) -> int:
    """How many attempts may still be made, the next one included, as far as these rules go.

    After an attempt that may have been processed, a request that must not be repeated has none;
    so each of its attempts is told that it is the last one.
    """
    if made == 0:
        return 1 + tokens if repeatable else 1
    return tokens if repeatable else min(1, tokens)


def may_go_on(answer: Answer, carrier: "Carrier") -> bool:
    """Whether another attempt may follow one that ended so: rules 1 to 3."""
    if carrier.committed or not carrier.resendable:
        return False
    return not answer.processed or carrier.repeatable
