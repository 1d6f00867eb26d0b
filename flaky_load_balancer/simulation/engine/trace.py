"""What every request of R replications brought, for those who look at courses and not at sums."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

NOT_ANSWERED = -1


class Trace:
    """(R, N) arrays of N requests: ``reward``, ``cost`` in dollars of all attempts, the ``arm``
    that delivered it or NOT_ANSWERED, and how many ``attempts`` it took.
    """

    def __init__(self, replications: int, requests: int) -> None:
        shape = replications, requests
        self.reward: Floats = np.zeros(shape)
        self.cost: Floats = np.zeros(shape)
        self.arm = np.full(shape, NOT_ANSWERED, dtype=np.intp)
        self.attempts = np.zeros(shape, dtype=np.intp)

    def attempted(self, rows: Ints, request: Ints, cost: Floats) -> None:
        """Attempts of these requests, numbered from 1, ended and cost so much."""
        self.attempts[rows, request - 1] += 1
        self.cost[rows, request - 1] += cost

    def delivered(self, rows: Ints, request: Ints, arm: Ints, reward: Floats) -> None:
        """Requests were answered, and the answers are worth so much."""
        self.arm[rows, request - 1] = arm
        self.reward[rows, request - 1] = reward
