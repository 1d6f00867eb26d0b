"""Several limits at once: a server admits an attempt only if all its limits do.

A limit may be of some servers only, may be one for all of them (an account), and may count tokens.
What one of them refuses uses nothing of the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets.limits import SLACK, Limiter, Size

NOWHERE = -1  # where a server has no limiter of a part


@dataclass(frozen=True, eq=False)
class Part:
    """One limit of a scenario, for R replications of K servers."""

    limiter: Limiter
    lanes: Ints  # (R x K,) the limiter's lane of each server, or NOWHERE
    in_tokens: bool
    speaks: bool  # its refusals carry Retry-After

    def of(self, lane: Ints) -> tuple[Ints, Ints]:
        """(m,) each: which of n servers it limits, and its own lanes of these."""
        mine = self.lanes.take(lane)
        those = np.flatnonzero(mine != NOWHERE)
        return those, mine.take(those)

    def need(self, size: Floats) -> Floats:
        """(n,) what attempts of these sizes take."""
        return size if self.in_tokens else np.ones(len(size))


class Joint:
    """A ``Limiter`` made of several; what it says in attempts is about attempts of mean size."""

    def __init__(self, parts: Sequence[Part], mean: float) -> None:
        """``mean`` tokens of a request."""
        self.parts = tuple(parts)
        self.mean = mean

    def speaking(self) -> "Joint":
        """Those whose refusals carry Retry-After."""
        return Joint([part for part in self.parts if part.speaks], self.mean)

    def admit(self, lane: Ints, t: Floats, size: Size | None = None) -> Bools:
        size = self._sizes(lane, size)
        admitted: Bools = self.refused(lane, t, size) == 0
        for part in self.parts:
            those, mine = part.of(lane)
            some = admitted[those]
            those, mine = those[some], mine[some]
            if those.size:
                part.limiter.admit(mine, t[those], part.need(size)[those])
        return admitted

    def refused(self, lane: Ints, t: Floats, size: Floats) -> Ints:
        """(n,) how many limits refuse each attempt."""
        count = np.zeros(len(lane), dtype=np.intp)
        for part in self.parts:
            those, mine = part.of(lane)
            left = part.limiter.remaining(mine, t[those])
            count[those] += left < part.need(size)[those] - SLACK
        return count

    def wait(self, lane: Ints, t: Floats, size: Size | None = None) -> Floats:
        """Until the last of the limits that refuse; 0 where none does."""
        size = self._sizes(lane, size)
        latest = np.zeros(len(lane))
        for part in self.parts:
            those, mine = part.of(lane)
            need, then = part.need(size)[those], t[those]
            refuses = part.limiter.remaining(mine, then) < need - SLACK
            wait = np.where(refuses, part.limiter.wait(mine, then, need), 0.0)
            latest[those] = np.maximum(latest[those], wait)
        return latest

    def remaining(self, lane: Ints, t: Floats, size: Size | None = None) -> Floats:
        """How many attempts of these sizes could be admitted now."""
        size = self._sizes(lane, size)
        least = np.full(len(lane), np.inf)
        for part in self.parts:
            those, mine = part.of(lane)
            left = part.limiter.remaining(mine, t[those]) / part.need(size)[those]
            least[those] = np.minimum(least[those], left)
        return least

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return self._least(lane, lambda part, mine, those: part.limiter.rate(mine, t[those]))

    def admissions(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return self._least(
            lane, lambda part, mine, those: part.limiter.admissions(mine, start[those], end[those])
        )

    def keeps(self, lane: Ints) -> Floats:
        least = np.full(len(lane), np.inf)
        for part in self.parts:
            those, mine = part.of(lane)
            least[those] = np.minimum(least[those], part.limiter.keeps(mine))
        return np.where(np.isfinite(least), least, 0.0)

    def _least(self, lane: Ints, of: Callable[[Part, Ints, Ints], Floats]) -> Floats:
        """The least of what the limits of each server say, in attempts of mean size."""
        least = np.full(len(lane), np.inf)
        for part in self.parts:
            those, mine = part.of(lane)
            each = of(part, mine, those) / (self.mean if part.in_tokens else 1.0)
            least[those] = np.minimum(least[those], each)
        return least

    def _sizes(self, lane: Ints, size: Size | None) -> Floats:
        return np.broadcast_to(self.mean if size is None else size, lane.shape)
