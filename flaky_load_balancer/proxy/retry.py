"""What may be attempted again, and how often.  No I/O.

1. An attempt that surely was not processed may always be followed by another one.
2. Any other failed attempt only if the request may be repeated: by its method, or because the
   client sent an ``Idempotency-Key``.
3. Nothing is repeated once a byte of an answer went to the client, or once more of the request's
   body was sent than is kept.
4. Every further attempt, hedges included, takes a token from the route's retry budget.
"""

from flaky_load_balancer.config import Retry

LIFETIME = 10  # seconds that credits live
PLENTY = 2**31  # attempts: no limit but that of the rules
IDEMPOTENCY_KEY = b"idempotency-key"


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

    def __init__(self, percent: float, per_second: float) -> None:
        self._credit = percent / 100
        self._reserve = LIFETIME * per_second
        self._balance = [0.0] * LIFETIME  # what each second brought, less what it took
        self._second = 0
        self.exhausted = 0  # requests that ended for want of a token

    def arrive(self, now: float) -> None:
        """A request came."""
        self._forget(now)
        self._balance[self._second % LIFETIME] += self._credit

    def tokens(self, now: float) -> int:
        """How many further attempts may be made now."""
        self._forget(now)
        return max(0, int(self._reserve + sum(self._balance) + 1e-9))

    def take(self, now: float) -> None:
        """A further attempt is made."""
        self._forget(now)
        self._balance[self._second % LIFETIME] -= 1

    def _forget(self, now: float) -> None:
        second = int(now)
        if second <= self._second:
            return
        for passed in range(max(self._second + 1, second - LIFETIME + 1), second + 1):
            self._balance[passed % LIFETIME] = 0.0
        self._second = second


def attempts_left(made: int, tokens: int, *, repeatable: bool) -> int:
    """How many attempts may still be made, the next one included, as far as these rules go.

    After an attempt that may have been processed, a request that must not be repeated has none;
    so each of its attempts is told that it is the last one.
    """
    if made == 0:
        return 1 + tokens if repeatable else 1
    return tokens if repeatable else min(1, tokens)
