"""V1-V8 once more, in plain Python, one request at a time, read off their definition.

Draws are replaced by their means and uniform choices by None ("any"), so that what remains can be
compared decision by decision with the vectorised strategies.
"""

from collections import deque
from collections.abc import Callable
from math import inf, log, sqrt
from typing import NamedTuple

FREE = 3


class Ended(NamedTuple):
    arm: int
    letter: str  # S, F, R or C
    now: float


class Server:
    def __init__(self) -> None:
        self.succeeded = self.failed = self.refused = 0
        self.recent: deque[bool] = deque(maxlen=30)
        self.refused_at = self.blocked_until = -inf
        self.multiplier = 1

    @property
    def attempts(self) -> int:
        return self.succeeded + self.failed + self.refused

    @property
    def rate(self) -> float:
        return self.succeeded / self.attempts

    def end(self, letter: str, now: float) -> None:
        if letter == "S":
            self.succeeded += 1
            self.multiplier = 1
        elif letter == "F":
            self.failed += 1
        elif letter == "R":
            self.refused += 1
            self.refused_at = now
            self.multiplier = min(4, 2 * self.multiplier)
            self.blocked_until = now + 5 * self.multiplier
        if letter in "SF":
            self.recent.append(letter == "S")


class Scalar:
    """``arm`` is what strategy ``name`` must choose, or None where chance decides."""

    def __init__(self, name: str, arms: int) -> None:
        self.name = name
        self.servers = [Server() for _ in range(arms)]
        self.requests = 0

    def end(self, ended: Ended) -> None:
        self.servers[ended.arm].end(ended.letter, ended.now)

    def arm(self, attempt: int, tried: set[int], now: float) -> int | None:
        if attempt == 1:
            self.requests += 1
        untried = [arm for arm in range(len(self.servers)) if arm not in tried]
        if attempt > FREE or not untried:
            return self._largest_rate(range(len(self.servers)))
        if self.name == "v1":
            return self._intuition(untried)
        if self.name in ("v2", "v3"):
            return self._optimism(untried)
        return self._thompson(untried, attempt, now)

    def _intuition(self, untried: list[int]) -> int | None:
        if self.requests >= 50:
            return self._largest_rate(untried)
        if not any(self.servers[arm].attempts for arm in untried):
            return None
        return self._first_best(untried, self._variance)

    def _optimism(self, untried: list[int]) -> int | None:
        t = sum(server.attempts for server in self.servers)
        if t == 0:
            return None

        def bound(arm: int) -> float:
            server = self.servers[arm]
            if not server.attempts:
                return inf
            spread = log(t) / server.attempts
            width = sqrt(2 * spread) if self.name == "v2" else 3 * sqrt(spread)
            return server.rate + width

        return self._first_best(untried, bound)

    def _thompson(self, untried: list[int], attempt: int, now: float) -> int:
        candidates = [arm for arm in untried if self._ready(self.servers[arm], now)]
        if not candidates:
            blocks = self.name == "v8"
            ends = [
                server.blocked_until if blocks else server.refused_at for server in self.servers
            ]
            return ends.index(min(ends))
        return self._first_best(candidates, lambda arm: self._mean(self.servers[arm], attempt))

    def _ready(self, server: Server, now: float) -> bool:
        if self.name in ("v6", "v7"):
            return now - server.refused_at >= 1
        return self.name != "v8" or now >= server.blocked_until

    def _mean(self, server: Server, attempt: int) -> float:
        if self.name == "v7":
            return (1 + sum(server.recent)) / (2 + len(server.recent))
        a = 1.0 + server.succeeded
        b = 1.0 + server.failed + (server.refused if self.name in ("v4", "v5") else 0)
        v = {1: 4, 2: 2}.get(attempt, 1)
        if self.name == "v5" and v != 1 and a + b > 2:
            factor = max(2, (a + b) / v) / (a + b)
            a, b = max(1, a * factor), max(1, b * factor)
        return a / (a + b)

    def _variance(self, arm: int) -> float:
        server = self.servers[arm]
        if not server.attempts:
            return inf
        a, b = 1.0 + server.succeeded, 1.0 + server.failed + server.refused
        return a * b / ((a + b) ** 2 * (a + b + 1))

    def _largest_rate(self, arms: list[int] | range) -> int:
        rates = {arm: self.servers[arm].rate for arm in arms if self.servers[arm].attempts}
        return max(rates, key=rates.__getitem__, default=arms[0])

    @staticmethod
    def _first_best(arms: list[int], index: Callable[[int], float]) -> int:
        """Near ties are ties: the last bit depends on the order of the operations."""
        ranks = [index(arm) for arm in arms]
        highest = max(ranks)
        return next(
            arm
            for arm, rank in zip(arms, ranks, strict=True)
            if rank == highest or rank >= highest - 1e-12
        )
