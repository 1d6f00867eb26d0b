"""A rest: leave a server that refused alone for as long as it asked, else for a fixed time."""

import numpy as np

from flaky_load_balancer.core.types import Bools, Feedback, Floats, Ints
from strategies.parts.counts import REFUSED


class Rest:
    """A refusal ends a rest ``Retry-After`` seconds later, or ``seconds`` where it did not say.

    Of two rests the one that ends later counts: a server that asked for a minute is not disturbed
    because an older attempt came back without a word.
    """

    def __init__(self, replications: int, arms: int, seconds: float) -> None:
        self.seconds = seconds
        self.refused_at: Floats = np.full((replications, arms), -np.inf)
        self.ends: Floats = np.full((replications, arms), -np.inf)

    def learn(self, feedback: Feedback) -> None:
        refused = feedback.outcome == REFUSED
        if np.count_nonzero(refused):
            at = feedback.rows[refused], feedback.arm[refused]
            now, asked = feedback.now[refused], feedback.retry_after[refused]
            self.refused_at[at] = now
            ends = now + np.where(np.isnan(asked), self.seconds, asked)
            self.ends[at] = np.maximum(self.ends[at], ends)

    def over(self, rows: Ints, now: Floats) -> Bools:
        """(n, K) which servers rest no longer, or never did."""
        over: Bools = self.ends.take(rows, 0) <= now[:, None]
        return over

    def since(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) seconds since each server's last refusal, infinite where there was none."""
        return now[:, None] - self.refused_at.take(rows, 0)

    def until(self, now: Floats) -> Floats:
        """(R, K) when each rest ends; ``now`` (R,) where there is none."""
        return np.maximum(self.ends, now[:, None])
