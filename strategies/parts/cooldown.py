"""Leave a server alone after it refused: for a fixed, doubling or asked-for time."""

import numpy as np

from flaky_load_balancer.core.types import Bools, Feedback, Floats, Ints
from strategies.parts.counts import REFUSED, SUCCEEDED


class Cooldown:
    """Remembers the end of each server's last refusal; ready = ``seconds`` have passed since."""

    def __init__(self, replications: int, arms: int, seconds: float) -> None:
        self.seconds = seconds
        self.refused_at: Floats = np.full((replications, arms), -np.inf)

    def learn(self, feedback: Feedback) -> None:
        refused = feedback.outcome == REFUSED
        if np.count_nonzero(refused):
            at = feedback.rows[refused], feedback.arm[refused]
            self.refused_at[at] = feedback.now[refused]

    def rested(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) seconds since each server's last refusal, infinite where there was none."""
        return now[:, None] - self.refused_at.take(rows, 0)

    def until(self, now: Floats) -> Floats:
        """(R, K) when each cooldown ends; ``now`` (R,) where there is none."""
        return np.maximum(self.refused_at + self.seconds, now[:, None])


class Backoff:
    """A refusal sets m = min(most, 2 m) and blocks for ``base`` x m seconds; m is 1 at first.

    The doubling comes before the use, so the first block is already 2 x ``base``: the published
    code's slip, kept.  A new end overwrites an older one, even a later one.  A success sets m = 1
    but lifts no block.  A failure changes nothing.
    """

    def __init__(self, replications: int, arms: int, base: float, most: float) -> None:
        self.base, self.most = base, most
        self.multiplier: Floats = np.ones((replications, arms))
        self.blocked_until: Floats = np.full((replications, arms), -np.inf)

    def learn(self, feedback: Feedback) -> None:
        refused = feedback.outcome == REFUSED
        if np.count_nonzero(refused):
            at = feedback.rows[refused], feedback.arm[refused]
            doubled = np.minimum(self.most, 2 * self.multiplier[at])
            self.multiplier[at] = doubled
            self.blocked_until[at] = feedback.now[refused] + self.base * doubled
        succeeded = feedback.outcome == SUCCEEDED
        self.multiplier[feedback.rows[succeeded], feedback.arm[succeeded]] = 1.0

    def rested(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) seconds since each block ended: negative while blocked, infinite if never."""
        return now[:, None] - self.blocked_until.take(rows, 0)

    def until(self, now: Floats) -> Floats:
        """(R, K) when each block ends; ``now`` (R,) where there is none."""
        return np.maximum(self.blocked_until, now[:, None])


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
