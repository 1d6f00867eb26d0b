"""An estimate of each server's limit, in admissions per second, from its refusals alone.

It falls on a refusal and grows with time, first fast, then hardly, then fast again: a limit that
has moved is found again without knowing how it moves.  Growth with successes instead would starve
a server that is seldom asked.

Source: CUBIC (Ha, Rhee and Xu 2008; RFC 9438, section 4.2), as the AWS SDKs use it in their
adaptive retry mode, with the same numbers.

    a refusal at t0:  W = min(admissions per second just then, estimate just then)
    estimate(t) = max(least, growth (t - t0 - k)^3 + W),  k = cbrt(W (1 - fall) / growth)

so it is ``fall`` x W at t0; infinite before the first refusal.  Admissions per second are counted
with weights that decay within ``memory`` seconds.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import FAILED, REFUSED


class LimitRate:
    """Tables (R, K): the last refusal and its W, the weight of recent admissions and its time."""

    def __init__(
        self,
        replications: int,
        arms: int,
        *,
        fall: float,
        growth: float,
        least: float,
        memory: float,
    ) -> None:
        shape = replications, arms
        self.fall, self.growth, self.least, self.memory = fall, growth, least, memory
        self.peak: Floats = np.zeros(shape)
        self.refused_at: Floats = np.full(shape, -np.inf)
        self.weight: Floats = np.zeros(shape)
        self.admitted_at: Floats = np.full(shape, -np.inf)

    def learn(self, feedback: Feedback) -> None:
        admitted, refused = feedback.outcome <= FAILED, feedback.outcome == REFUSED
        if np.count_nonzero(admitted):
            self._admit(feedback.rows[admitted], feedback.arm[admitted], feedback.now[admitted])
        if np.count_nonzero(refused):
            self._refuse(feedback.rows[refused], feedback.arm[refused], feedback.now[refused])

    def of(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) admissions per second that each limit gives at a time (n,)."""
        return self._estimate(now[:, None], self.refused_at.take(rows, 0), self.peak.take(rows, 0))

    def capacity(self, now: Floats) -> Floats:
        """(R, K) as ``of``, of every replication."""
        return self._estimate(now[:, None], self.refused_at, self.peak)

    def _admit(self, rows: Ints, arm: Ints, now: Floats) -> None:
        self.weight[rows, arm] = self._recent(rows, arm, now) + 1.0
        self.admitted_at[rows, arm] = now

    def _refuse(self, rows: Ints, arm: Ints, now: Floats) -> None:
        at = rows, arm
        estimate = self._estimate(now, self.refused_at[at], self.peak[at])
        self.peak[at] = np.minimum(self._recent(rows, arm, now) / self.memory, estimate)
        self.refused_at[at] = now

    def _recent(self, rows: Ints, arm: Ints, now: Floats) -> Floats:
        """(n,) admissions within the memory, older ones counting less."""
        age = now - self.admitted_at[rows, arm]
        weight: Floats = self.weight[rows, arm] * np.exp(-age / self.memory)
        return weight

    def _estimate(self, now: Floats, refused_at: Floats, peak: Floats) -> Floats:
        k = np.cbrt(peak * (1.0 - self.fall) / self.growth)
        return np.maximum(self.least, self.growth * (now - refused_at - k) ** 3 + peak)
