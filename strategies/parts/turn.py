"""Whose turn it is."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


class Turn:
    """A server that is next in each replication; after it comes the next higher, then 0."""

    def __init__(self, replications: int, arms: int) -> None:
        self.following = np.zeros(replications, dtype=np.intp)
        self.arms = arms

    def nearness(self, rows: Ints) -> Floats:
        """(n, K) minus the number of servers whose turn comes before."""
        ahead = (np.arange(self.arms) - self.following.take(rows)[:, None]) % self.arms
        return -ahead.astype(float)

    def pass_on(self, rows: Ints, arm: Ints) -> None:
        """Make it the turn of the server after the one that was chosen, if one was."""
        if len(arm) == 1:  # as live: numbers are quicker than arrays
            if arm.item() >= 0:
                self.following[rows.item()] = (arm.item() + 1) % self.arms
            return
        sent = arm >= 0
        self.following[rows[sent]] = (arm[sent] + 1) % self.arms

    def resize(self, keep: Ints) -> None:
        """Servers are others now: the turn is that of the next one that stayed, or the first's."""
        stayed = keep.tolist()
        for row, arm in enumerate(self.following.tolist()):
            later = [old for old in stayed if old >= arm]
            self.following[row] = stayed.index(min(later)) if later else 0
