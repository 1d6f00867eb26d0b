"""An episode: a stretch of rounds with a budget of paid attempts, and then another one."""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints


class Episode:
    """Counts the rounds (attempts sent) and the paid ones of the episode in each replication.

    Bandits with knapsacks end at the first empty budget; a balancer does not, so its budgets are
    filled again after every ``rounds`` rounds.
    """

    def __init__(self, replications: int, rounds: int, paid_share: float) -> None:
        self.rounds, self.budget = rounds, paid_share * rounds
        self.sent = np.zeros(replications, dtype=np.intp)
        self.paid = np.zeros(replications, dtype=np.intp)

    def begin(self, rows: Ints) -> Ints:
        """(m,) those of the replications whose episode was over, and begins anew."""
        over: Ints = rows[self.sent.take(rows) >= self.rounds]
        self.sent[over] = self.paid[over] = 0
        return over

    def count(self, rows: Ints, paid: Bools) -> None:
        """An attempt was sent in each of n replications."""
        self.sent[rows] += 1
        self.paid[rows] += paid

    def spent(self, rows: Ints) -> Floats:
        """(n,) which share of the paid attempts of the episode has been made: 1 or more is all."""
        return self.paid.take(rows) / self.budget
