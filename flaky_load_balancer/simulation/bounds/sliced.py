"""The bound where chances of success change within a run: the programme of ``bound`` in slices.

x[a, i, w, u] is the number of a-th attempts sent to server i in slice u of time, for requests
that arrived in slice w: u is w or later, as long as their deadline allows, so that a request may
be held until better times.  s[u, i] is the chance of success there, n_w the number of arrivals::

    maximise    sum x[a, i, w, u] (s[u, i] - penalty [a > free])
    subject to  sum_iu x[1, i, w, u]    <= n_w
                sum_iu x[a+1, i, w, u]  <= sum_iu x[a, i, w, u] (1 - s[u, i])
                sum_awu x[a, i, w, u]   <= C_i(run)   for every server and every run of slices u

Requests of several sizes are of several kinds, as in ``kinds``, and limits may be shared.

What was not admitted in one slice can be in a later one of the same run: unspent admissions carry
over as far as the limiter lets them.  That an attempt comes after the one before is left out,
which can only raise the bound.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, vstack

from flaky_load_balancer.core.types import Bools, Floats, Ints, Rules
from flaky_load_balancer.simulation.bounds.bound import solve, unlimited
from flaky_load_balancer.simulation.bounds.kinds import Caps, sized


@dataclass(frozen=True)
class Slices:
    """Time cut into S slices, ``edges`` (S + 1,) in seconds, and who arrives when."""

    edges: Floats
    arrivals: Floats  # (S,) requests
    reach: Bools  # (S, S) whether what arrives in slice w can be sent in slice u
    times: Floats  # (N,) when each request arrives

    @classmethod
    def cut(
        cls, changes: tuple[float, ...], requests: int, rate: float, deadline: float
    ) -> "Slices":
        """Cut where something changes, and where the first arrives that can wait for it."""
        end = (requests - 1) / rate + deadline
        cuts = {each - early for each in changes for early in (0.0, deadline)}
        edges = np.array(sorted({0.0, end} | {cut for cut in cuts if 0 < cut < end}))
        times = np.arange(requests) / rate
        counts = np.histogram(times, np.append(edges[:-1], np.inf))[0].astype(float)
        start = edges[:-1]
        last = np.array([times[times < after].max(initial=-np.inf) for after in edges[1:]])
        reach = (start >= start[:, None]) & (start < last[:, None] + deadline)
        return cls(edges, counts, reach | np.eye(len(start), dtype=bool), times)

    def of_sizes(self, sizes: Floats | None) -> tuple[Floats, Floats]:
        """(T,) a size of each kind that no request of it is below, and (T, S) their arrivals."""
        if sizes is None:
            return np.ones(1), self.arrivals[None, :]
        kind, size = sized(sizes)
        edges = np.append(self.edges[:-1], np.inf)
        counts = [np.histogram(self.times[kind == t], edges)[0] for t in range(len(size))]
        return size, np.array(counts, dtype=float)


def bound_without_limits(success: Floats, slices: Slices, rules: Rules) -> float:
    """The bound in closed form, given ``success`` (S, K).

    Every request waits for the best server that it can reach in time, at no cost.
    """
    best = np.where(slices.reach, success.max(axis=1), 0.0).max(axis=1)
    each = [unlimited(float(s), 1, rules) for s in best]
    return float(slices.arrivals @ each)


def sliced_bound(
    success: Floats, caps: Caps, slices: Slices, rules: Rules, sizes: Floats | None = None
) -> float:
    """The best mean score of all requests, of these ``sizes`` (N,).

    ``success`` is (S, K); ``caps.most`` (S, S, L): the most that each limit allows from the
    beginning of one slice to the end of another.
    """
    programme = _Programme(success, slices, rules, sizes)
    capacity, most = programme.capacity(caps)
    constraints = vstack([programme.cascade(), capacity]).tocsr()
    return solve(programme.gain, constraints, np.concatenate([programme.requests(), most]))


class _Programme:
    """One column for every (a, t, w, u, i) with u in reach of w; a counts from 0, t is a kind."""

    def __init__(self, success: Floats, slices: Slices, rules: Rules, sizes: Floats | None) -> None:
        self.slices, self.rules = slices, rules
        self.size, self.arrivals = slices.of_sizes(sizes)  # (T,), (T, S)
        arrived, sent = np.nonzero(slices.reach)
        shape = rules.max_attempts, len(self.size), len(arrived), rules.arms
        attempt, self.kind, pair, self.server = (x.ravel() for x in np.indices(shape))
        self.attempt, self.arrived, self.sent = attempt, arrived[pair], sent[pair]
        self.success = success[self.sent, self.server]
        self.gain = self.success - rules.penalty * (attempt >= rules.free_attempts)
        self.columns = np.arange(len(attempt))

    def cascade(self) -> coo_array:
        """(M x T x S, columns) every attempt needs a request that those before did not deliver."""
        cohorts = self.arrivals.size
        row = self.attempt * cohorts + self.kind * self.arrivals.shape[1] + self.arrived
        again = self.attempt + 1 < self.rules.max_attempts
        return self._matrix(
            np.concatenate([row, (row + cohorts)[again]]),
            np.concatenate([self.columns, self.columns[again]]),
            np.concatenate([np.ones(len(row)), -(1 - self.success[again])]),
            self.rules.max_attempts * cohorts,
        )

    def requests(self) -> Floats:
        """(M x T x S,) what the rows of ``cascade`` may come to."""
        later = np.zeros((self.rules.max_attempts - 1) * self.arrivals.size)
        return np.concatenate([self.arrivals.ravel(), later])

    def capacity(self, caps: Caps) -> tuple[coo_array, Floats]:
        """One row for every limit and run of slices in which it limits, and what it may come to."""
        weights = caps.weights(self.size)  # (L, T, K)
        scale = weights.max(axis=(1, 2))
        possible = self.rules.max_attempts * self.slices.arrivals.sum()
        most = caps.most / np.maximum(scale, 1e-300)
        first, last, limit = np.nonzero(most < possible)
        rows, columns, values = [], [], []
        for number, (u, v, place) in enumerate(zip(first, last, limit, strict=True)):
            takes = weights[place, self.kind, self.server] / scale[place]
            inside = np.flatnonzero((u <= self.sent) & (self.sent <= v) & (takes > 0))
            columns.append(inside)
            rows.append(np.full(len(inside), number))
            values.append(takes[inside])
        row, column = (np.concatenate([*x, _NONE]) for x in (rows, columns))
        matrix = self._matrix(row, column, np.concatenate([*values, _NONE]), len(first))
        return matrix, most[first, last, limit]

    def _matrix(self, row: Ints, column: Ints, value: Floats, rows: int) -> coo_array:
        return coo_array((value, (row, column)), shape=(rows, len(self.columns)))


_NONE = np.empty(0, dtype=np.intp)
