"""A budget of dollars that is never exceeded, and spent where a dollar brings most.

What may be spent is a multiple-choice knapsack that is filled while the queries come.  Source of
the threshold: Zhou, Chakrabarty and Lukose 2008, "Budget constrained bidding in keyword auctions
and online knapsack problems", as Panda et al. 2025 use it (arXiv 2508.21141, section 4).

    a server is eligible if value / cost >= (UB e / LB)^z LB / e

and, beyond the paper, if it leaves enough for the queries that are still to come at the cheapest
server.  z is the share of this bin's budget that is spent, LB and UB the least and the most that
any server was found to bring for a dollar.  The queries come in bins; what one leaves goes to the
next.

Before an attempt is sent, the most that it can cost is set aside (``Context.reserve``), until its
cost is known: so spent + set aside never exceed the budget, however late costs come.
"""

from math import e

import numpy as np

from flaky_load_balancer.core.types import Bools, Context, Feedback, Floats, Ints

PLACES = 256  # attempts in flight whose reserve is known one by one; more wait for free places


class Budget:
    """What R replications may spend on ``queries`` requests each."""

    transient = ("reserve", "request")  # attempts in flight are no state

    def __init__(self, replications: int, dollars: float, queries: int, bins: int) -> None:
        self.dollars, self.queries, self.bins = dollars, queries, bins
        self.spent: Floats = np.zeros(replications)
        self.requests = np.zeros(replications, dtype=np.intp)
        self.least: Floats = np.full(replications, np.inf)  # value for a dollar
        self.most: Floats = np.zeros(replications)
        self.reserve: Floats = np.zeros((replications, PLACES))
        self.request = np.full((replications, PLACES), -1, dtype=np.int64)

    def eligible(self, context: Context, value: Floats, cost: Floats, reserve: Floats) -> Bools:
        """(n, K) the servers that may be asked; ``value``, ``cost``, ``reserve`` (n, K)."""
        rows = context.rows
        self.requests[rows] += context.attempt == 1
        per_dollar = np.maximum(value, 0.0) / np.maximum(cost, 1e-12)
        known = cost > 0
        self._remember(rows, per_dollar, known)
        worthy = per_dollar >= self._threshold(rows)[:, None]
        worthy &= cost <= (self.left(rows) - self._kept(rows, cost, known))[:, None]
        affordable: Bools = reserve <= self.left(rows)[:, None]
        affordable = affordable & np.any(self.request.take(rows, 0) < 0, axis=1)[:, None]
        eligible: Bools = (worthy | ~known) & affordable & context.available
        none = ~np.any(eligible, axis=1)
        if np.count_nonzero(none):  # the cheapest that can be paid for
            price = np.where(affordable & context.available, cost, np.inf)
            cheapest = price.argmin(axis=1)
            eligible[none, cheapest[none]] = np.isfinite(price[none, cheapest[none]])
        return eligible

    def left(self, rows: Ints) -> Floats:
        """(n,) dollars that are neither spent nor set aside."""
        left: Floats = self.dollars - self.spent.take(rows) - self.reserve.take(rows, 0).sum(axis=1)
        return left

    def send(self, rows: Ints, request: Ints, reserve: Floats) -> None:
        """Set aside the most that n attempts can cost."""
        if rows.size:
            place = (self.request.take(rows, 0) < 0).argmax(axis=1)
            self.request[rows, place] = request
            self.reserve[rows, place] = reserve

    def learn(self, feedback: Feedback) -> None:
        """Attempts were paid for; what was set aside for one of the same request is free again."""
        rows = feedback.rows
        self.spent[rows] += feedback.cost
        mine = self.request.take(rows, 0) == feedback.request[:, None]
        place, found = mine.argmax(axis=1), mine.any(axis=1)
        self.request[rows[found], place[found]] = -1
        self.reserve[rows[found], place[found]] = 0.0

    def _threshold(self, rows: Ints) -> Floats:
        """(n,) the least value for a dollar."""
        low, high = self.least.take(rows), self.most.take(rows)
        known = np.isfinite(low) & (high > 0)
        low, high = np.where(known, np.maximum(low, 1e-12), 1.0), np.where(known, high, 1.0)
        return np.where(known, (high * e / low) ** self._share(rows) * low / e, 0.0)

    def _share(self, rows: Ints) -> Floats:
        """(n,) of what this bin and those before it may spend beyond what they have, how much."""
        bin_now = np.minimum((self.requests.take(rows) * self.bins) // self.queries + 1, self.bins)
        allowed = self.dollars * bin_now / self.bins
        fresh = self.dollars / self.bins
        gone = self.dollars - allowed
        left = np.maximum(self.left(rows) - gone, 0.0)
        share: Floats = np.clip(1.0 - left / np.maximum(fresh, 1e-12), 0.0, 1.0)
        return share

    def _kept(self, rows: Ints, cost: Floats, known: Bools) -> Floats:
        """(n,) dollars for the queries that are still to come, at the cheapest server."""
        cheapest = np.where(known, cost, np.inf).min(axis=1)
        coming = np.maximum(self.queries - self.requests.take(rows), 0)
        kept: Floats = coming * np.where(np.isfinite(cheapest), cheapest, 0.0)
        return kept

    def _remember(self, rows: Ints, per_dollar: Floats, known: Bools) -> None:
        worth = known & (per_dollar > 0)
        if np.count_nonzero(worth):
            low = np.where(worth, per_dollar, np.inf).min(axis=1)
            high = np.where(worth, per_dollar, 0.0).max(axis=1)
            self.least[rows] = np.where(np.isfinite(low), low, self.least[rows])
            self.most[rows] = np.where(high > 0, high, self.most[rows])
