"""How often each server was attempted, and how that ended.

One table, and one addition for every attempt that ended; all that V1-V8 know of rates is read
from it.  With n = attempts that ended (refusals included, cancelled ones not) and S = successes,
rate = S / n.  Nothing is counted before an attempt has ended, so requests in flight are unseen.
"""

import numpy as np

from flaky_load_balancer.core.types import Feedback, Floats, Ints, Outcome
from strategies.parts.batches import place

SUCCEEDED, FAILED, REFUSED = map(int, (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RATE_LIMITED))


class Counts:
    """``ended`` (R, 4, K): attempts by how they ended (see ``Outcome``) and by server."""

    def __init__(self, replications: int, arms: int) -> None:
        self.ended: Floats = np.zeros((replications, len(Outcome), arms))

    def learn(self, feedback: Feedback) -> None:
        self.ended[place(feedback.rows, feedback.outcome, feedback.arm)] += 1

    def forget(self, rows: Ints, arm: Ints) -> None:
        """Begin again with servers ``arm`` (n,)."""
        self.ended[rows, :, arm] = 0.0

    def of(self, rows: Ints) -> Floats:
        """(n, 4, K) a copy of the counts of these replications."""
        return self.ended.take(rows, 0)


def pulls(ended: Floats) -> Floats:
    """(n, K) attempts that ended, refusals included; a cancelled attempt taught nothing."""
    total: Floats = ended[:, SUCCEEDED] + ended[:, FAILED]
    total += ended[:, REFUSED]
    return total


def rate(ended: Floats) -> Floats:
    """(n, K) successes / attempts, and -1, below every rate, for servers without any."""
    n = pulls(ended)
    share: Floats = ended[:, SUCCEEDED] / np.maximum(n, 1.0)
    share[n == 0] = -1.0
    return share
