"""Virtual time: who is next, in R replications that each have an instant of their own.

Replications never interact, so they need not agree on what time it is: every pass moves each of
them to its own next event (an arrival, the end of an attempt, the end of a hold).  Nothing is
rounded to a tick.  What is decided and counted is the ``Balancer``'s business, what servers do
that of ``Servers``; here is only what the dispatcher leaves to asyncio.
"""

from typing import Any

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Action, Bools, Floats, Ints, Outcome
from flaky_load_balancer.simulation.engine.contexts import Contexts
from flaky_load_balancer.simulation.engine.several import Several, wider
from flaky_load_balancer.simulation.fleets.servers import Servers

ARRIVAL = 0  # the column of each replication's next arrival; requests in flight have the others
REWARD = 1  # the column of each replication's next reward, where rewards come later
WOKEN = -1  # what a held request reports instead of an Outcome
SUCCEEDED, FAILED, REFUSED, CANCELLED = map(int, Outcome)
UNSEEN = 256  # batches of latencies that wait to be counted


class Lockstep:
    """R replications under way.

    Tables have an entry for each column of each replication, at place = row x columns + column:
    ``due`` says when the next event of a request will be, infinite where there is none, and
    ``report`` what it will be, an Outcome or WOKEN.  ``patience`` (requests,) is how many seconds
    the client of each request waits before it hangs up; without it they wait for ever.
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
        patience: Floats | None = None,
        contexts: Contexts | None = None,
    ) -> None:
        self.balancer, self.servers, self.contexts = balancer, servers, contexts
        self.rate, self.requests = rate, requests
        self.deadline, self.attempt_timeout = deadline, attempt_timeout
        self.longest = np.minimum(
            np.full(requests, deadline), np.inf if patience is None else patience
        )
        self.columns = balancer.slots
        self.free = _Free(servers.replications, balancer.slots, REWARD + 1)
        places = servers.replications * self.columns
        self.first = np.arange(0, places, self.columns)  # each replication's column ARRIVAL
        self.due = np.full(places, np.inf)
        self.due[self.first] = 0.0
        self.report = np.zeros(places, dtype=np.intp)
        self.since = np.full(places, -1)  # the pass that said so
        self.passes = 0
        self.retry_after = np.full(places, np.nan)
        self.arrived_at = np.zeros(places)
        self.over_at = np.zeros(places)  # the deadline, unless the client hangs up before it
        self.request = np.zeros(places, dtype=np.intp)  # its number
        self.size = np.full(places, np.nan)  # tokens
        self.arm = np.zeros(places, dtype=np.intp)  # where it was sent last
        self.several = Several(self)
        self.arrived = np.zeros(servers.replications, dtype=np.intp)
        self.attempts = np.zeros_like(self.arrived)
        self.rate_limited = np.zeros_like(self.arrived)
        self.half = (requests // 2) / rate  # seconds: what arrives from then on is the last half
        self.late_score = np.zeros(servers.replications)  # of the last half
        self.latency = Histogram()
        self._latencies: list[Floats] = []

    @property
    def score(self) -> Floats:
        """(R,) the points so far: of the balancer's game, or of what answers were worth."""
        if self.contexts is None:
            return self.balancer.score
        return self.contexts.worth - self.balancer.rules.penalty * self.balancer.paid_attempts

    @property
    def share(self) -> float:
        """Of all requests, how many have arrived."""
        return float(self.arrived.mean()) / self.requests

    def step(self) -> bool:
        """Play the next event of each replication; False if there are no more.

        Where that ended a request, an arrival that comes next is played as well: so nearly every
        replication has something to decide in nearly every pass.
        """
        self.passes += 1
        column, now = self._next()
        self._in_turn(column, now)
        if self.contexts is not None:
            self._reward(column, now)
        old = np.flatnonzero(column > REWARD)
        if old.size and self.several.any:
            old = self.several.end(old, column, now)
        if old.size:
            old = old.compress(self._end(old, column.take(old), now.take(old)))
        later, then = self._next()
        arriving = (later == ARRIVAL) & (then < np.inf)
        arriving[old] = False
        new = np.flatnonzero(arriving)
        if new.size:
            column[new] = self._arrive(new, then.take(new))
            now[new] = then.take(new)
        asking = np.concatenate([old, new])
        if asking.size:
            self._ask(asking, column.take(asking), now.take(asking))
        return bool(asking.size or np.count_nonzero(now < np.inf))

    def _next(self) -> tuple[Ints, Floats]:
        """(R,) each: whose event comes next, and when, infinite where none will."""
        column = self.due.reshape(-1, self.columns).argmin(axis=1)
        return column, self.due.take(self.first + column)

    def _in_turn(self, column: Ints, now: Floats) -> None:
        """Of several events of one instant, an arrival is first, then what was decided first.

        Requests that are held until the same moment keep their order that way.
        """
        due = self.due.reshape(-1, self.columns)
        first = due == now[:, None]
        if np.count_nonzero(first) == len(now):
            return
        tied = np.flatnonzero((np.count_nonzero(first, axis=1) > 1) & (now < np.inf))
        since = self.since.reshape(-1, self.columns).take(tied, 0)
        since[~first.take(tied, 0)] = self.passes
        column[tied] = since.argmin(axis=1)

    def _arrive(self, rows: Ints, now: Floats) -> Ints:
        """(n,) the columns that new requests take."""
        self.arrived[rows] += 1
        count = self.arrived.take(rows)
        following = np.where(count < self.requests, count / self.rate, np.inf)
        self.due[self.first.take(rows)] = following
        if self.free.short(rows):
            self.grow()
        column = self.free.take(rows)
        at = self.first.take(rows) + column
        self.over_at[at] = now + self.longest.take(count - 1)
        self.arrived_at[at], self.request[at] = now, count
        self.balancer.arrive(rows, column, now + self.deadline, **self._asked(rows, at, count))
        return column

    def _asked(self, rows: Ints, at: Ints, count: Ints) -> dict[str, Any]:
        """What new requests are about, and how large they are."""
        asked: dict[str, Any] = {"request": count}
        if self.servers.scenario.size is not None:
            asked["size"] = self.size[at] = self.servers.fleet.sizes(rows, count)
        if self.contexts is not None:
            asked["features"] = self.contexts.features(rows, count)
        return asked

    def _end(self, rows: Ints, column: Ints, now: Floats) -> Bools:
        """Attempts and holds end; (n,) whether the request goes on."""
        at = self.first.take(rows) + column
        self.due[at] = np.inf
        report = self.report.take(at)
        ended = np.flatnonzero(report != WOKEN)
        if ended.size == rows.size:
            self._complete(rows, column, now)
        elif ended.size:
            self._complete(rows.take(ended), column.take(ended), now.take(ended))
        late = now >= self.over_at.take(at)
        over: Bools = (report == SUCCEEDED) | (report == CANCELLED) | late
        self._leave(over, rows, column, now)
        return ~over

    def _complete(self, rows: Ints, column: Ints, now: Floats) -> None:
        at = self.first.take(rows) + column
        outcome = self.report.take(at)
        self.rate_limited[rows] += outcome == REFUSED
        before = self.score
        cost = None
        if self.contexts is not None:
            cost = self.cost(rows, at, outcome, now)
        self.balancer.complete(
            rows,
            column,
            outcome,
            now,
            self.retry_after.take(at),
            number=self.several.number.take(at),
            cost=cost,
        )
        if self.contexts is not None:
            self._deliver(rows, at, outcome, now)
        self.credit(rows, at, before)

    def cost(self, rows: Ints, at: Ints, outcome: Ints, now: Floats) -> Floats:
        """(n,) what attempts that ended cost."""
        assert self.contexts is not None
        t = now - self.servers.origin.take(rows)
        return self.contexts.cost(rows, self.request.take(at), self.arm.take(at), outcome, t)

    def _deliver(self, rows: Ints, at: Ints, outcome: Ints, now: Floats) -> None:
        """What the answers among attempts that ended are worth."""
        assert self.contexts is not None
        those = np.flatnonzero(outcome == SUCCEEDED)
        if those.size:
            rows, at, now = rows.take(those), at.take(those), now.take(those)
            t, seconds = now - self.servers.origin.take(rows), now - self.arrived_at.take(at)
            self.contexts.deliver(rows, self.request.take(at), self.arm.take(at), now, t, seconds)
            self.due[self.first.take(rows) + REWARD] = self.contexts.due().take(rows)

    def _reward(self, column: Ints, now: Floats) -> None:
        """Tell rewards that are known now, one in each replication whose turn it is."""
        assert self.contexts is not None
        rows = np.flatnonzero((column == REWARD) & (now < np.inf))
        if rows.size:
            self.contexts.tell(rows, now.take(rows))
            self.due[self.first.take(rows) + REWARD] = self.contexts.due().take(rows)

    def _ask(self, rows: Ints, column: Ints, now: Floats) -> None:
        """Decide, and do what was decided."""
        before = self.score
        action = self.balancer.decide(rows, column, now, **self.limits(rows, column, now))
        self.credit(rows, self.first.take(rows) + column, before)
        arm = action.arm
        if np.count_nonzero(arm < 0):
            self._hold(rows, column, action)
            self._leave(arm == GIVE_UP, rows, column, now)
            sent = np.flatnonzero(arm >= 0)
            rows, column, now = rows.take(sent), column.take(sent), now.take(sent)
            arm = arm.take(sent)
            beside = None if action.beside is None else action.beside.take(sent)
        else:
            beside = action.beside
        if rows.size:
            self.send(rows, column, column, now, arm)
            if beside is not None:
                self.several.plan(rows, column, now, beside)

    def credit(self, rows: Ints, at: Ints, before: Floats) -> None:
        """Enter the points that requests of the last half brought; scores (R,) were ``before``."""
        late = self.arrived_at.take(at) >= self.half
        self.late_score[rows] += late * (self.score - before).take(rows)

    def limits(self, rows: Ints, column: Ints, now: Floats) -> dict[str, Any]:
        """Which servers are there, and what an attempt can cost, where that is known."""
        if self.contexts is None:
            return {}
        t = np.nan_to_num(now - self.servers.origin.take(rows))
        count = self.request.take(self.first.take(rows) + column)
        return {
            "available": self.contexts.available(t),
            "reserve": self.contexts.reserve(rows, count, t),
        }

    def _hold(self, rows: Ints, column: Ints, action: Action) -> None:
        held = np.flatnonzero(action.arm == HOLD)
        if action.until is not None and held.size:
            at = self.first.take(rows.take(held)) + column.take(held)
            self.due[at] = np.minimum(action.until.take(held), self.over_at.take(at))
            self.report[at] = WOKEN
            self.since[at] = self.passes

    def send(self, rows: Ints, column: Ints, own: Ints, now: Floats, arm: Ints) -> None:
        """Learn from the servers how the attempts will end, or that time will be over first.

        ``column`` (n,) are those of their requests, ``own`` (n,) those of the attempts.
        """
        at = self.first.take(rows) + column
        self.attempts[rows] += 1
        request = self.request.take(at)
        outcome, latency, retry_after, _ = self.servers.respond(rows, arm, now, self.size.take(at))
        if self.contexts is not None:
            t = now - self.servers.origin.take(rows)
            outcome = self.contexts.judged(rows, request, arm, outcome, t)
        left = self.over_at.take(at) - now
        most = np.minimum(left, self.attempt_timeout)
        late = latency >= most
        if np.count_nonzero(late):
            latency = np.where(late, most, latency)
            cut_off = np.where(left > self.attempt_timeout, FAILED, CANCELLED)
            outcome = np.where(late, cut_off, outcome)
            retry_after = np.where(late, np.nan, retry_after)
        at = self.first.take(rows) + own
        self.several.number[at] = self.balancer.attempts[rows, column]
        self.arm[at] = arm
        self.request[at] = request
        self.due[at] = now + latency
        self.report[at] = outcome
        self.since[at] = self.passes
        self.retry_after[at] = retry_after

    def _leave(self, over: Bools, rows: Ints, column: Ints, now: Floats) -> None:
        """Some of n requests leave, delivered or not."""
        those = np.flatnonzero(over)
        if not those.size:
            return
        rows, column = rows.take(those), column.take(those)
        self.balancer.leave(rows, column)
        self.free.give_back(rows, column)
        arrived_at = self.arrived_at.take(self.first.take(rows) + column)
        self._latencies.append(now.take(those) - arrived_at)
        if len(self._latencies) == UNSEEN:
            self.count_latencies()

    def count_latencies(self) -> None:
        """Enter the last latencies in the histogram."""
        if self._latencies:
            self.latency.add_all(np.concatenate(self._latencies))
            self._latencies.clear()

    def grow(self) -> None:
        """Twice as many columns."""
        columns, self.columns = self.columns, 2 * self.columns
        self.balancer.grow(self.columns)
        self.free.grow()
        self.first = 2 * self.first
        self.due = wider(self.due, columns, np.inf)
        self.report = wider(self.report, columns, 0)
        self.since = wider(self.since, columns, 0)
        self.retry_after = wider(self.retry_after, columns, np.nan)
        self.arrived_at = wider(self.arrived_at, columns, 0.0)
        self.over_at = wider(self.over_at, columns, 0.0)
        self.request = wider(self.request, columns, 0)
        self.size = wider(self.size, columns, np.nan)
        self.arm = wider(self.arm, columns, 0)
        self.several.grow(columns)


class _Free:
    """Which columns of each replication hold no request: a stack, so that few are ever used."""

    def __init__(self, replications: int, columns: int, kept: int) -> None:
        """The first ``kept`` columns are for something else."""
        self.kept = kept
        self.stack = np.tile(np.arange(kept, columns), (replications, 1))
        self.used = np.zeros(replications, dtype=np.intp)

    def short(self, rows: Ints) -> bool:
        """Whether one of these replications has no room."""
        return bool(self.used.take(rows).max() >= self.stack.shape[1])

    def take(self, rows: Ints) -> Ints:
        used = self.used.take(rows)
        self.used[rows] = used + 1
        column: Ints = self.stack[rows, used]
        return column

    def give_back(self, rows: Ints, column: Ints) -> None:
        used = self.used.take(rows) - 1
        self.used[rows] = used
        self.stack[rows, used] = column

    def grow(self) -> None:
        """Twice as many columns, the first ones still not ours."""
        columns = self.stack.shape[1] + self.kept
        fresh = np.tile(np.arange(columns, 2 * columns), (len(self.stack), 1))
        self.stack = np.hstack([self.stack, fresh])
