"""A limiter as an explanation of refusals, and what it is worth.

It says of every attempt whether it should have been admitted, given the admissions before it.  What
it gets wrong counts against it, and so does every parameter (Schwarz's BIC).  Being wrong has rates
of its own, integrated out with Jeffreys' prior: two clocks differ by milliseconds, and limits may
move.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from flaky_load_balancer.core.types import Bools, Ints
from flaky_load_balancer.simulation.fitting.received import Received
from flaky_load_balancer.simulation.fitting.search import Range, slack

ONE = Range(1.0, 1.0, 1.0)
NEVER = Range(np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class Explanation:
    """A kind of limiter with its parameters."""

    kind: str  # as in a scenario, or "none"
    limits: Sequence[Range]  # per server: admissions in a window, of a bucket in a second
    table: Ints  # (4,) see Received.judged
    parameters: int
    window: Range = ONE  # seconds
    burst: Range = ONE  # tokens
    phase: float = 0.0  # seconds from the first attempt to the beginning of a window
    failures: bool = True  # whether a failed attempt uses an admission

    @property
    def attempts(self) -> int:
        return int(self.table.sum())

    @property
    def unexplained(self) -> int:
        """Attempts that it gets wrong."""
        return int(self.table[1] + self.table[2])

    @property
    def bic(self) -> float:
        right, missed, spared, refused = self.table
        evidence = _evidence(missed, right) + _evidence(spared, refused)
        return float(-2 * evidence + self.parameters * np.log(self.attempts))


def explained(
    kind: str,
    servers: Sequence[Received],
    limits: Sequence[Range],
    refusing: Sequence[Bools],
    *,
    extra: int,
    window: Range = ONE,
    burst: Range = ONE,
    phase: float = 0.0,
) -> Explanation:
    """An explanation that would refuse these attempts of each server."""
    table = sum(server.judged(said) for server, said in zip(servers, refusing, strict=True))
    parameters = extra + sum(server.limited for server in servers)
    return Explanation(kind, limits, np.asarray(table), parameters, window, burst, phase)


def spare(wrong: float, servers: Sequence[Received]) -> int:
    """How many more of all attempts may be wrong within the interval of 95 %."""
    return slack(int(wrong), sum(len(server.t) for server in servers))


def _evidence(wrong: int, right: int) -> float:
    """Log likelihood of so many wrong ones among all, whatever the rate."""
    return float(betaln(wrong + 0.5, right + 0.5) - betaln(0.5, 0.5))
