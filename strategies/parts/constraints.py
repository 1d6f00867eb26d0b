"""Constraints in the long run, each as a virtual queue: what is owed, or was taken too much.

A queue is the Lagrange multiplier of its constraint, in units of attempts: it rises by what the
constraint asks for, and falls by what is done, not below 0 (attempts that were saved may be
used a little later).  So the mean is held within a few
attempts, whatever the servers do.

Source: Tassiulas and Ephremides 1992; Neely, "Stochastic Network Optimization" (2010), section 4.4.
"""

from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.types import Bools, Context, Feedback, Floats, Ints
from strategies.parts.counts import SUCCEEDED

NAMES = "share_min", "share_max", "success_min", "attempts_max"
ONE = 1.0 - 1e-9  # an attempt: a queue that long has to be served
LATE = 4.0  # attempts: a queue that long is a constraint that is not held
SAVED = 20.0  # attempts that requests did not need are left for later ones, up to so many
MOST = 50.0  # attempts: what was owed to a server that was away is not made up for without end


class Queues:
    """``owed``, ``over`` (R, K); ``spent``, ``unserved`` (R,); ``violations`` (R, 4), see NAMES.

    ``axes`` has what is kept over a restart and what workers give each other: not violations, which
    every process counts for itself.
    """

    axes: ClassVar = {
        "owed": ("R", "K"),
        "over": ("R", "K"),
        "spent": ("R",),
        "unserved": ("R",),
    }

    def __init__(self, replications: int, arms: int, limits: tuple[float, ...]) -> None:
        least, most, self.floor, self.ceiling = limits
        self.least, self.most = min(least, 1.0 / arms), max(most, 1.0 / arms)
        self.owed: Floats = np.zeros((replications, arms))
        self.over: Floats = np.zeros((replications, arms))
        self.spent: Floats = np.zeros(replications)
        self.unserved: Floats = np.zeros(replications)
        self.violations: Floats = np.zeros((replications, len(NAMES)))

    def allowed(self, context: Context) -> Bools:
        """(n, K) the servers that may be chosen; where none is left, all that are available.

        First attempts go to the server that is owed most, as long as enough requests are served.
        """
        rows, available = context.rows, context.available
        allowed = available & (self.over.take(rows, 0) < ONE)
        none_left = ~(allowed & ~context.tried).any(axis=1)
        allowed[none_left] = available[none_left]
        owed = np.where(allowed & ~context.tried, self.owed.take(rows, 0), 0.0)
        most = owed.max(axis=1, keepdims=True)
        due = (owed == most) & (most >= ONE)
        first = (context.attempt == 1) & (self.unserved.take(rows) < ONE) & due.any(axis=1)
        allowed[first] = due[first]
        return allowed

    def stopped(self, context: Context) -> Bools:
        """(n,) the requests that may have no further attempt."""
        stopped: Bools = (context.attempt > 1) & (self.spent.take(context.rows) >= ONE)
        return stopped

    def urgent(self, context: Context) -> Bools:
        """(n,) the requests that may not be given up."""
        urgent: Bools = self.unserved.take(context.rows) >= ONE
        return urgent

    def count(self, rows: Ints, arm: Ints, first: Bools) -> None:
        """Attempts are sent to ``arm`` (n,), some of them the ``first`` of their requests."""
        self.violations[rows, 0] += self.owed.take(rows, 0).max(axis=1) >= LATE
        self.violations[rows, 1] += self.over[rows, arm] >= LATE
        self.violations[rows, 2] += first & (self.unserved.take(rows) >= LATE)
        self.violations[rows, 3] += self.spent.take(rows) >= LATE
        self.owed[rows] = np.minimum(self.owed.take(rows, 0) + self.least, MOST)
        self.owed[rows, arm] = np.maximum(self.owed[rows, arm] - 1.0, 0.0)
        over = self.over.take(rows, 0) - self.most
        over[np.arange(len(rows)), arm] += 1.0
        self.over[rows] = np.clip(over, 0.0, MOST)
        if self.ceiling < np.inf:
            spent = self.spent.take(rows) + 1.0 - first * self.ceiling
            self.spent[rows] = np.maximum(spent, -SAVED)
        self.unserved[rows] = np.minimum(self.unserved.take(rows) + first * self.floor, MOST)

    def learn(self, feedback: Feedback) -> None:
        """Attempts ended; a success serves its request."""
        rows = feedback.rows[feedback.outcome == SUCCEEDED]
        self.unserved[rows] = np.maximum(self.unserved[rows] - 1.0, 0.0)

    def resize(self, keep: Ints) -> None:
        """Servers are others now; nothing is owed to new ones."""
        new = keep < 0
        for name in ("owed", "over"):
            table = getattr(self, name).take(np.maximum(keep, 0), 1)
            table[:, new] = 0.0
            setattr(self, name, table)
