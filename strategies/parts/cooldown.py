"""A cooldown: leave a server alone for a fixed time after it refused a request."""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints
from strategies.parts.counts import REFUSED


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
