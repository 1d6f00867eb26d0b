"""Virtual time: R replications of the game in lockstep, each at its own instant.

Replications never interact, so they need not agree on what time it is: every pass moves each of
them to its own next event (an arrival, the end of an attempt, the end of a hold).  Nothing is
rounded to a tick.  What is decided and counted is the ``Balancer``'s business, what servers do
that of ``Servers``; here is only what the dispatcher leaves to asyncio: who is next.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.balancer import Balancer
from flaky_load_balancer.fleet import Fleet
from flaky_load_balancer.histogram import Histogram
from flaky_load_balancer.scenarios import Scenario
from flaky_load_balancer.servers import Servers
from flaky_load_balancer.strategy import Strategy
from flaky_load_balancer.types import HOLD, Action, Floats, Ints, Outcome, Rules

ARRIVAL = 0  # the column of each replication's next arrival; requests in flight have the others
WOKEN = -1  # what a held request reports instead of an Outcome
COLUMNS = 4  # at first
SUCCEEDED, FAILED, REFUSED, CANCELLED = map(int, Outcome)
UNSEEN = 256  # passes of which latencies wait to be counted


@dataclass(frozen=True, slots=True)
class Run:
    """What R replications of one strategy on one scenario came to; arrays are (R,)."""

    requests: int
    score: Floats
    delivered: Ints
    given_up: Ints
    attempts: Ints
    paid_attempts: Ints
    rate_limited: Ints
    latency: Histogram  # of the requests of all replications


def simulate(
    strategy: Strategy,
    scenario: Scenario,
    rules: Rules,
    *,
    requests: int = 100,
    replications: int = 1000,
    rate: float = 10.0,
    seed: int = 0,
    deadline: float = 10.0,
    attempt_timeout: float = 2.0,
    passed: Callable[[float], None] | None = None,
) -> Run:
    """Play R fleets, of the seeds S to S + R - 1, until every request has left.

    Request k arrives at k / rate seconds, whatever became of the others.  The same seed and R
    give the same run.  ``passed`` is told now and then what share of the requests has arrived.
    """
    fleet = Fleet.draw(scenario, seed, replications=replications, rate=rate)
    rng = np.random.default_rng(seed)
    balancer = Balancer(strategy, rules, rng, replications=replications, slots=COLUMNS)
    simulation = Simulation(
        balancer,
        Servers(fleet),
        rate=rate,
        requests=requests,
        deadline=deadline,
        attempt_timeout=attempt_timeout,
    )
    count = 0
    while simulation.step():
        count += 1
        if passed is not None and count % UNSEEN == 0:
            passed(simulation.share)
    return simulation.run()


class Simulation:
    """R replications under way.

    ``due`` (R, columns) says when the next event of each request in flight will be, infinite
    where there is none; ``report`` what that event will be, an Outcome or WOKEN.
    """

    def __init__(
        self,
        balancer: Balancer,
        servers: Servers,
        *,
        rate: float,
        requests: int,
        deadline: float,
        attempt_timeout: float,
    ) -> None:
        self.balancer, self.servers = balancer, servers
        self.rate, self.requests = rate, requests
        self.deadline, self.attempt_timeout = deadline, attempt_timeout
        replications, columns = balancer.attempts.shape
        self.every = np.arange(replications)
        self.due = np.full((replications, columns), np.inf)
        self.due[:, ARRIVAL] = 0.0
        self.report = np.zeros((replications, columns), dtype=np.intp)
        self.retry_after = np.full((replications, columns), np.nan)
        self.arrived_at = np.zeros((replications, columns))
        self.arrived = np.zeros(replications, dtype=np.intp)
        self.rate_limited = np.zeros(replications, dtype=np.intp)
        self.attempts = np.zeros(replications, dtype=np.intp)
        self.free = _Free(replications, columns)
        self.latency = Histogram()
        self._latencies: list[Floats] = []

    @property
    def share(self) -> float:
        """Of all requests, how many have arrived."""
        return float(self.arrived.mean()) / self.requests

    def step(self) -> bool:
        """Play the next event of every replication; False if there are no more."""
        column = self.due.argmin(axis=1)
        now = self.due[self.every, column]
        rows = np.flatnonzero(now < np.inf)
        if not rows.size:
            return False
        column, now = column[rows], now[rows]
        arriving = column == ARRIVAL
        new = np.flatnonzero(arriving)
        asking = np.ones(len(rows), dtype=bool)
        if new.size:
            column[new] = self._arrive(rows[new], now[new])
        if new.size < rows.size:
            old = np.flatnonzero(~arriving)
            asking[old] = self._end(rows[old], column[old], now[old])
        asked = np.flatnonzero(asking)
        if asked.size:
            self._ask(rows[asked], column[asked], now[asked])
        return True

    def _arrive(self, rows: Ints, now: Floats) -> Ints:
        """(n,) the columns that new requests take."""
        self.arrived[rows] += 1
        count = self.arrived[rows]
        self.due[rows, ARRIVAL] = np.where(count < self.requests, count / self.rate, np.inf)
        if self.free.short(rows):
            self._grow()
        column = self.free.take(rows)
        self.arrived_at[rows, column] = now
        self.balancer.arrive(rows, column, now + self.deadline)
        return column

    def _end(self, rows: Ints, column: Ints, now: Floats) -> np.ndarray:
        """Attempts and holds end; (n,) whether the request goes on."""
        at = rows, column
        self.due[at] = np.inf
        report = self.report[at]
        ended = report != WOKEN
        if ended.all():
            self._complete(rows, column, report, now)
        elif ended.any():
            self._complete(rows[ended], column[ended], report[ended], now[ended])
        over = (report == SUCCEEDED) | (report == CANCELLED) | (now >= self.balancer.deadline[at])
        self._leave(rows[over], column[over], now[over])
        going_on: np.ndarray = ~over
        return going_on

    def _complete(self, rows: Ints, column: Ints, outcome: Ints, now: Floats) -> None:
        self.rate_limited[rows] += outcome == REFUSED
        self.balancer.complete(rows, column, outcome, now, self.retry_after[rows, column])

    def _ask(self, rows: Ints, column: Ints, now: Floats) -> None:
        action = self.balancer.decide(rows, column, now)
        arm = action.arm
        sent = arm >= 0
        if not sent.all():
            self._keep(rows, column, now, action)
            rows, column, now, arm = rows[sent], column[sent], now[sent], arm[sent]
        if rows.size:
            self._send(rows, column, now, arm)

    def _keep(self, rows: Ints, column: Ints, now: Floats, action: Action) -> None:
        """Requests that are held, and those that are given up."""
        held = action.arm == HOLD
        if action.until is not None and held.any():
            at = rows[held], column[held]
            self.due[at] = action.until[held]
            self.report[at] = WOKEN
        over = action.arm < HOLD
        self._leave(rows[over], column[over], now[over])

    def _send(self, rows: Ints, column: Ints, now: Floats, arm: Ints) -> None:
        at = rows, column
        self.attempts[rows] += 1
        outcome, latency, retry_after, _ = self.servers.respond(rows, arm, now)
        left = self.balancer.deadline[at] - now
        patience = np.minimum(left, self.attempt_timeout)
        late = latency >= patience
        if late.any():
            latency = np.where(late, patience, latency)
            late_is = np.where(left > self.attempt_timeout, FAILED, CANCELLED)
            outcome = np.where(late, late_is, outcome)
            retry_after = np.where(late, np.nan, retry_after)
        self.due[at] = now + latency
        self.report[at] = outcome
        self.retry_after[at] = retry_after

    def _leave(self, rows: Ints, column: Ints, now: Floats) -> None:
        if not rows.size:
            return
        self.free.give_back(rows, column)
        self._latencies.append(now - self.arrived_at[rows, column])
        if len(self._latencies) == UNSEEN:
            self._count_latencies()

    def _count_latencies(self) -> None:
        if self._latencies:
            self.latency.add_all(np.concatenate(self._latencies))
            self._latencies.clear()

    def _grow(self) -> None:
        """Twice as many columns."""
        columns = self.due.shape[1]
        self.balancer.grow(2 * columns)
        self.due = _wider(self.due, np.inf)
        self.report = _wider(self.report, 0)
        self.retry_after = _wider(self.retry_after, np.nan)
        self.arrived_at = _wider(self.arrived_at, 0.0)
        self.free.grow()

    def run(self) -> Run:
        """What it came to."""
        self._count_latencies()
        balancer = self.balancer
        return Run(
            self.requests,
            balancer.score,
            balancer.delivered,
            self.requests - balancer.delivered,
            self.attempts,
            balancer.paid_attempts,
            self.rate_limited,
            self.latency,
        )


class _Free:
    """Which columns of each replication hold no request: a stack, so that the lowest are used."""

    def __init__(self, replications: int, columns: int) -> None:
        self.stack = np.tile(np.arange(1, columns), (replications, 1))
        self.used = np.zeros(replications, dtype=np.intp)

    def short(self, rows: Ints) -> bool:
        """Whether one of these replications has no room."""
        return bool(self.used[rows].max() >= self.stack.shape[1])

    def take(self, rows: Ints) -> Ints:
        used = self.used[rows]
        self.used[rows] = used + 1
        column: Ints = self.stack[rows, used]
        return column

    def give_back(self, rows: Ints, column: Ints) -> None:
        used = self.used[rows] - 1
        self.used[rows] = used
        self.stack[rows, used] = column

    def grow(self) -> None:
        """Twice as many columns."""
        columns = self.stack.shape[1] + 1
        fresh = np.tile(np.arange(columns, 2 * columns), (len(self.stack), 1))
        self.stack = np.hstack([self.stack, fresh])


def _wider(table: np.ndarray, fill: float) -> np.ndarray:
    """(R, 2 columns)"""
    return np.pad(table, ((0, 0), (0, table.shape[1])), constant_values=fill)
