"""Capacity: when each server will admit the next attempt, learnt from what it admitted and refused.

Under each limiter (``limiters``) the history of a server says how large its limit must at least be
for an attempt to be admitted, so every answer is a test of one number, of which an interval is
known (``intervals``).  How likely the answers were, of all servers of a fleet, says how likely each
limiter is (``posterior``); the likeliest few say when the next attempt is admitted (``forecast``).

Where sizes are known, limits may be in tokens, too (``tokens``, ``units``).  A server that never
refused is taken to have no limit.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Feedback, Floats, Ints
from strategies.capacity.forecast import Forecast
from strategies.capacity.learning import FIRST_ANSWERS, SAME, Answers, Learning
from strategies.capacity.model import Model
from strategies.parts.counts import REFUSED

LATELY = 0.1  # the weight of the newest expected admission in how many were refused
HALF = 1  # the level of ``forecast.LEVELS`` at which an admission counts as expected


class Capacity:
    """Everything that is known of the limits of R x K servers; lane = row x K + arm.

    ``between`` which two numbers of admissions per second limits are taken to be at first.
    """

    def __init__(
        self, replications: int, arms: int, *, drift: float, between: tuple[float, ...] = ()
    ) -> None:
        self.arms = arms
        self.model = Model(replications, arms, drift=drift, between=between)
        self.learning = Learning(self.model, replications)
        self.forecast = Forecast(self.model)
        self.last_refusal: Floats = np.full(replications, -np.inf)  # of any server
        # The share of the admissions expected lately, by any server, that were refused.
        self.refused: Floats = np.zeros(replications)

    def enter(
        self, rows: Ints, arm: Ints, time: Floats, size: Floats, *, asked: bool = False
    ) -> None:
        """Attempts of these sizes, NaN unknown, are sent, or promised, for these times.

        ``asked``: ``wait`` was asked about the same attempts just now.
        """
        self.model.requests.limiters.boundaries.begin(rows, time)
        self.model.tokens.limiters.boundaries.begin(rows, time)
        lane = rows * self.arms + arm
        sizes = self._relative(rows, size)
        ready = self._ready(lane, None if asked else sizes)
        self.model.pauses.expected[lane] = ready <= time + SAME
        self.model.admissions.add(lane, time, sizes)
        self.forecast.stale[lane] = True

    def withdraw(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """What was promised for these times will not be sent."""
        lane = rows * self.arms + arm
        self._remove(lane, self.model.admissions.rank(lane, time))

    def redeem(self, rows: Ints, arm: Ints, time: Floats, since: Floats, now: Floats) -> Bools:
        """(n,) whether promises can be kept; those that cannot are taken back.

        Only those are looked at again since which some server refused.  What is kept is sent now:
        live, that is a moment later than it was promised for.
        """
        kept, lane = self.last_refusal.take(rows) < since, rows * self.arms + arm
        some = (~kept).nonzero()[0]
        if some.size:
            kept[some] = self._open(lane[some], time[some], now[some])
        late = (kept & (now - time > SAME)).nonzero()[0]
        if late.size:
            self._postpone(lane[late], time[late], now[late])
        return kept

    def learn(self, feedback: Feedback) -> None:
        """Attempts ended; where no server refuses, only the first answers are looked at."""
        if len(feedback.rows) == 1:
            self._learn_one(feedback)
            return
        refused = feedback.outcome == REFUSED
        if np.count_nonzero(refused):
            self.last_refusal[feedback.rows[refused]] = feedback.now[refused]
        new = (self.last_refusal.take(feedback.rows) > -np.inf) | (
            self.learning.count.take(feedback.rows) < FIRST_ANSWERS
        )
        heard = (new & (feedback.outcome <= REFUSED)).nonzero()[0]
        if heard.size:
            answers, until = self._answers(feedback.take(heard))
            self._count_refused(answers)
            self._learn(answers, until)

    def _learn_one(self, feedback: Feedback) -> None:
        """The same for a single attempt, as live: numbers are quicker than arrays."""
        row, outcome = feedback.rows.item(), feedback.outcome.item()
        refused = outcome == REFUSED
        if refused:
            self.last_refusal[row] = feedback.now.item()
        met = self.last_refusal.item(row) > -np.inf
        if outcome > REFUSED or not (met or self.learning.count.item(row) < FIRST_ANSWERS):
            return
        answers, until = self._answers(feedback)
        if self.model.pauses.expected.item(answers.lane.item()):
            share = self.refused.item(row)
            self.refused[row] = share + LATELY * (refused - share)
        self._learn(answers, until)

    def _answers(self, feedback: Feedback) -> tuple[Answers, Floats]:
        """Attempts that were admitted or refused, and until when servers asked to be left alone."""
        rows, until = feedback.rows, feedback.now + feedback.retry_after
        sent = feedback.now - feedback.latency
        lane = rows * self.arms + feedback.arm
        rank = self.learning.ranks(lane, sent, self._relative(rows, feedback.size))
        return Answers(rows, lane, rank, sent, feedback.outcome == REFUSED), until

    def _learn(self, answers: Answers, until: Floats) -> None:
        changed = self.learning.learn(answers, until)
        self.forecast.stale[answers.lane] = True
        if changed.size:
            self.forecast.stale.reshape(-1, self.arms)[changed] = True

    def wait(self, rows: Ints, now: Floats, size: Floats) -> Floats | None:
        """(n, K, Q) seconds until the chance reaches each level; None if no limit was met."""
        if self.last_refusal.take(rows).max() == -np.inf:
            return None
        ready = self.forecast.ready_at(rows, self._relative(rows, size))
        return np.maximum(ready - now[:, None, None], 0.0)

    def ready_at(self, rows: Ints) -> Floats:
        """(n, K, Q) when the chance of admission reaches each level, for requests of size 1."""
        ones = np.ones(len(rows)) if self.model.units.sized else None
        return self.forecast.ready_at(rows, ones)

    def refused_at(self, rows: Ints) -> Floats:
        """(n, K) when each server refused last, in seconds; -inf where it admitted since."""
        refused_at = self.model.pauses.refused_at.reshape(-1, self.arms)
        return refused_at.take(rows, 0)

    def trust(self, rows: Ints) -> Floats:
        """(n, K) the share of certain forecasts that came true."""
        return self.model.calibration.trust(rows)

    def rate(self, rows: Ints) -> Floats:
        """(n, K) admissions per second, infinite where no limit was met."""
        lane = rows[:, None] * self.arms + np.arange(self.arms)
        requests = self.model.requests
        rate = requests.intervals.rate(lane, requests.posterior.best[rows][:, None])
        return np.where(self.model.limited[lane], rate, np.inf)

    def rates(self, rows: Ints) -> tuple[Floats, Floats]:
        """(n, K) each: from where to where ``rate`` is with 95 %."""
        lane = rows[:, None] * self.arms + np.arange(self.arms)
        requests, limited = self.model.requests, self.model.limited[lane]
        low, high = requests.intervals.rates(lane, requests.posterior.best[rows][:, None])
        return np.where(limited, low, np.inf), np.where(limited, high, np.inf)

    def _count_refused(self, answers: Answers) -> None:
        expected = self.model.pauses.expected.take(answers.lane).nonzero()[0]
        rows, refused = answers.rows.take(expected), answers.refused.take(expected)
        self.refused[rows] += LATELY * (refused - self.refused.take(rows))

    def _ready(self, lane: Ints, size: Floats | None) -> Floats:
        """(n,) when attempts are as likely to be admitted as not."""
        if size is None:
            ready: Floats = self.forecast.ready[lane, HALF]
            return ready
        ready = np.full(len(lane), -np.inf)
        some = self.model.limited.take(lane).nonzero()[0]
        if some.size:
            first = np.zeros(some.size, dtype=np.intp)
            after = self.forecast.ready_after(lane.take(some), first, size.take(some))
            ready[some] = after[:, HALF]
        return ready

    def _open(self, lane: Ints, time: Floats, now: Floats) -> Bools:
        """(n,) whether servers are likely to admit what was entered for these times."""
        rank = self.model.admissions.rank(lane, time)
        size = self.model.admissions.sizes[lane, rank] if self.model.units.sized else None
        kept: Bools = self.forecast.ready_after(lane, rank + 1, size)[:, HALF] <= now + SAME
        no = (~kept).nonzero()[0]
        if no.size:
            self._remove(lane[no], rank[no])
        return kept

    def _postpone(self, lane: Ints, time: Floats, now: Floats) -> None:
        """Enter for now what was entered for an earlier time: its answer is found by that."""
        admissions = self.model.admissions
        rank = admissions.rank(lane, time)
        size = admissions.sizes[lane, rank] if self.model.units.sized else None
        self._remove(lane, rank)
        admissions.add(lane, now, size)

    def _remove(self, lane: Ints, rank: Ints) -> None:
        self.model.admissions.remove(lane, rank, sized=self.model.units.sized)
        self.forecast.stale[lane] = True

    def _relative(self, rows: Ints, size: Floats) -> Floats | None:
        """(n,) sizes in units; None where no size was ever known."""
        if not self.model.units.sized and not np.count_nonzero(size > 0):
            return None
        return self.model.units.relative(rows, size)
