"""What an attempt on each server costs, in dollars: the mean, and how sure that is."""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints, Outcome

SUCCEEDED, FAILED = int(Outcome.SUCCEEDED), int(Outcome.FAILED)


class Costs:
    """Means of R x K servers; refusals and cancelled attempts cost nothing and say nothing."""

    def __init__(self, replications: int, arms: int) -> None:
        self.count: Floats = np.zeros((replications, arms))
        self.total: Floats = np.zeros((replications, arms))
        self.squares: Floats = np.zeros((replications, arms))
        self.largest: Floats = np.zeros((replications, arms))

    def learn(self, feedback: Feedback) -> None:
        those = np.flatnonzero((feedback.outcome == SUCCEEDED) | (feedback.outcome == FAILED))
        if not those.size:
            return
        at = feedback.rows.take(those), feedback.arm.take(those)
        cost = feedback.cost.take(those)
        self.count[at] += 1.0
        self.total[at] += cost
        self.squares[at] += cost * cost
        self.largest[at] = np.maximum(self.largest[at], cost)

    def mean(self, rows: Ints) -> Floats:
        """(n, K) the mean cost, 0 where nothing was paid yet."""
        mean: Floats = self.total.take(rows, 0) / np.maximum(self.count.take(rows, 0), 1.0)
        return mean

    def lower(self, rows: Ints, z: float = 1.0) -> Floats:
        """(n, K) the mean less ``z`` standard errors, not below 0; 0 where nothing was paid yet."""
        n = np.maximum(self.count.take(rows, 0), 1.0)
        mean = self.total.take(rows, 0) / n
        variance = np.maximum(self.squares.take(rows, 0) / n - mean * mean, 0.0)
        return np.maximum(mean - z * np.sqrt(variance / n), 0.0)

    def most(self, rows: Ints) -> Floats:
        """(n, K) the largest cost so far: of any server where there was none of this one."""
        largest = self.largest.take(rows, 0)
        anywhere = largest.max(axis=1, keepdims=True)
        return np.where(self.count.take(rows, 0) > 0, largest, anywhere)
