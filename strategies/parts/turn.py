"""Whose turn it is."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


class Turn:
    """A server that is next in each replication; after it comes the next higher, then 0."""

    def __init__(self, replications: int, arms: int) -> None:
        self.following = np.zeros(replications, dtype=np.intp)
        self.servers = np.arange(arms)

    def nearness(self, rows: Ints) -> Floats:
        """(n, K) minus the number of servers whose turn comes before."""
        ahead = (self.servers - self.following.take(rows)[:, None]) % self.servers.size
        return -ahead.astype(float)

    def pass_on(self, rows: Ints, arm: Ints) -> None:
        """Make it the turn of the server after the one that was chosen."""
        self.following[rows] = (arm + 1) % self.servers.size
