"""Capacity: when each server will admit the next attempt, learnt from what it admitted and refused.

Servers of one fleet are mostly limited in the same way, each with a limit of its own.  There is a
hypothesis for every way: token buckets of a burst, sliding windows of a length, fixed windows of a
length (``boundaries``).  Under each, the history of a server says how large its limit must at least
be for an attempt to be admitted, so every answer is a test of one number::

    token bucket    max over j >= burst of (j + 1 - burst) / age of the j-th last admission
    windows         admissions in the window, and 1

That number's logarithm lies between ``low`` and ``high``, evenly; an answer narrows the interval
and time widens it.  How likely the answers were, over all servers of a fleet, is the score of a
hypothesis; the best one speaks.  What it says is kept as the times at which the chance of admission
reaches each of ``LEVELS``: they only change when something happens to the server.

``Retry-After``, where a server says it, overrides this.  A server that never refused is taken to
have no limit.
"""

import numpy as np

from flaky_load_balancer.types import Bools, Feedback, Floats, Ints
from strategies.parts.boundaries import Boundaries
from strategies.parts.counts import REFUSED
from strategies.parts.ledger import DEPTH, Ledger

LEVELS = np.array([0.2, 0.5, 0.8, 1.0])
BURSTS = np.array([1, 2, 3, 5, 8, 12, 20, 32])
STEPS = np.array([0, 1, 2, 3, 5, 8, 12, 20, 32])
SLIDING = 0.2 * 2.0 ** (np.arange(37) / 4)
FIXED = 0.2 * 2.0 ** (np.arange(28) / 3)
B, S, F = len(BURSTS), len(SLIDING), len(FIXED)
G = B + S + F
WINDOWS = np.concatenate([np.ones(B), SLIDING, FIXED])
LOG = np.log(np.maximum(np.arange(DEPTH + 2), 0.5))
BUCKET_AT = (BURSTS[:, None] - 1 + STEPS).ravel()  # of the admissions that tell a bucket's state
LOWEST, HIGHEST = 0.02, 500.0  # admissions per second
MARGIN = np.log(1.25)  # the least width of an interval
DOUBT = 0.03
FADE = 0.99
STILL_S, STILL_E = 0.3, 20.0
VAGUE = 0.95
PRIOR = -0.4 * np.where(np.arange(G) < B, 0.0, np.log2(WINDOWS / 0.2))
MEMORY = 0.995
ODDS = 1.0  # by which a hypothesis must lead
BACKOFF, LONGEST = 0.02, 10.0
PRIOR_HONOUR = 4.0


class Capacity:
    """Everything that is known of R x K limits; lane = row x K + arm."""

    def __init__(self, replications: int, arms: int, *, drift: float) -> None:
        self.arms, lanes = arms, replications * arms
        self.drift = drift
        self.ledger = Ledger(lanes)
        self.boundaries = Boundaries(replications, FIXED)
        least = np.maximum(np.log(LOWEST * WINDOWS), np.where(WINDOWS == 1.0, -9.0, -0.3))
        self.least, self.most = least, np.log(HIGHEST * WINDOWS + 1.0)
        self.low: Floats = np.broadcast_to(self.least, (lanes, G)).astype(np.float32)
        self.high: Floats = np.broadcast_to(self.most, (lanes, G)).astype(np.float32)
        self.score: Floats = np.zeros((replications, G))
        self.best = np.zeros(replications, dtype=np.intp)
        self.heard_at: Floats = np.full(lanes, np.nan)
        self.refused_at: Floats = np.full(lanes, -np.inf)  # and not admitted since
        self.in_turn = np.zeros(lanes, dtype=np.intp)  # refusals without an admission
        self.limited = np.zeros(lanes, dtype=bool)
        self.asked: Floats = np.full(lanes, -np.inf)
        self.ready: Floats = np.full((lanes, len(LEVELS)), -np.inf)
        self.kept: Floats = np.full(lanes, PRIOR_HONOUR)
        self.all: Floats = np.full(lanes, PRIOR_HONOUR)
        self.surprises: Floats = np.zeros(replications)
        self.exposure: Floats = np.zeros(replications)

    def enter(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """Attempts are sent, or promised, for these times."""
        self.boundaries.begin(rows, time)
        lane = rows * self.arms + arm
        self.ledger.enter(lane, time)
        self._refresh(lane)

    def trust(self, rows: Ints) -> Floats:
        kept, total = self.kept.reshape(-1, self.arms), self.all.reshape(-1, self.arms)
        return kept.take(rows, 0) / total.take(rows, 0)

    def ready_at(self, rows: Ints) -> Floats:
        """(n, K, Q) when the chance of admission reaches each level."""
        return self.ready.reshape(-1, self.arms, len(LEVELS)).take(rows, 0)

    def learn(self, feedback: Feedback) -> None:
        """An attempt that nobody answered in time counts as admitted, and teaches nothing."""
        heard = np.flatnonzero(feedback.outcome <= REFUSED)
        if not heard.size:
            return
        rows, arm, now = feedback.rows[heard], feedback.arm[heard], feedback.now[heard]
        refused = feedback.outcome[heard] == REFUSED
        sent = now - feedback.latency[heard]
        lane = rows * self.arms + arm
        rank = self.ledger.rank(lane, sent)
        self._test(rows, lane, rank, sent, refused)
        if np.count_nonzero(refused):
            no = lane[refused]
            self.ledger.strike(no, rank[refused])
            self.limited[no] = True
            until = (now + feedback.retry_after[heard])[refused]
            self.asked[no] = np.fmax(self.asked[no], until)
        self._bracket(rows, lane, sent, refused)
        self._refresh(self._believe(rows, lane))

    def redeem(self, rows: Ints, arm: Ints, time: Floats, now: Floats) -> Bools:
        """(n,) whether promises can be kept; those that cannot are taken back."""
        lane = rows * self.arms + arm
        rank = self.ledger.rank(lane, time)
        ready = self._ready(lane, rank + 1)
        kept = ready[:, 1] <= now + 1e-5
        no = np.flatnonzero(~kept)
        if no.size:
            self.ledger.strike(lane[no], rank[no])
            self._refresh(lane[no])
        return kept

    def rate(self, rows: Ints) -> Floats:
        """(n, K) admissions per second, infinite where no limit was met."""
        lane = rows[:, None] * self.arms + np.arange(self.arms)
        best = self.best[rows][:, None]
        middle = 0.5 * (self.low[lane, best] + self.high[lane, best])
        return np.where(self.limited[lane], np.exp(middle) / WINDOWS[best], np.inf)

    def _test(self, rows: Ints, lane: Ints, rank: Ints, sent: Floats, refused: Bools) -> None:
        """Compare each answer with what was expected under every hypothesis."""
        need, sure = self._need(rows, lane, rank, sent)
        rest = np.nan_to_num(sent - self.heard_at[lane])
        rest = np.maximum(rest, 0.0)
        speed = self.drift * (self.surprises[rows] + STILL_S) / (self.exposure[rows] + STILL_E)
        wider = np.minimum(speed * rest, 2.0)[:, None].astype(np.float32)
        low = np.maximum(self.low.take(lane, 0) - wider, self.least)
        high = np.minimum(self.high.take(lane, 0) + wider, self.most)
        p = np.clip((high - need) / (high - low), 0.0, 1.0)
        no = refused[:, None]
        happened = np.where(no, 1.0 - p, p)
        each = np.arange(len(rows))
        best = self.best[rows]
        vague = VAGUE * np.maximum(happened[each, best], DOUBT)
        happened = np.where(sure, happened, vague[:, None])
        self.score[rows] = MEMORY * self.score[rows] + np.log(np.maximum(happened, DOUBT))
        self._reckon(rows, lane, p[each, best], happened[each, best], rest, refused)
        low_if = np.where(no, np.minimum(low, np.minimum(high, need) - MARGIN), np.maximum(low, need))
        high_if = np.where(no, np.minimum(high, need), np.maximum(high, low_if + MARGIN))
        low_if = np.maximum(low_if, self.least - MARGIN)
        high_if = np.maximum(high_if, low_if + MARGIN)
        self.low[lane] = np.where(sure, low_if, low)
        self.high[lane] = np.where(sure, high_if, high)
        self.heard_at[lane] = sent

    def _reckon(self, rows, lane, p, happened, rest, refused) -> None:
        """Count surprises: how fast limits move, and how far forecasts can be trusted."""
        self.surprises[rows] = FADE * self.surprises[rows] + (happened < 0.15)
        self.exposure[rows] = FADE * self.exposure[rows] + np.minimum(rest, 5.0)
        certain = np.flatnonzero((p > 0.9) & self.limited[lane])
        if certain.size:
            at = lane[certain]
            self.kept[at] = 0.9 * self.kept[at] + 0.1 * PRIOR_HONOUR + ~refused[certain]
            self.all[at] = 0.9 * self.all[at] + 0.1 * PRIOR_HONOUR + 1.0

    def _need(self, rows: Ints, lane: Ints, rank: Ints, sent: Floats) -> tuple[Floats, Bools]:
        """(n, G) the logarithm of the limit that each attempt needed, and whether that is sure."""
        age = (sent[:, None] - self.ledger.times.take(lane, 0)).astype(np.float32)
        if np.count_nonzero(rank):
            age = np.take_along_axis(age, np.minimum(rank[:, None] + np.arange(DEPTH), DEPTH - 1), 1)
        age[:, 0] = np.inf  # its own
        need = np.empty((len(rows), G), dtype=np.float32)
        apart = np.log(np.clip(age, 1e-5, 1e6))
        at = np.minimum(BUCKET_AT + 1, DEPTH - 1)
        room = np.log(STEPS + 1.0).astype(np.float32)
        need[:, :B] = (room - apart.take(at, 1).reshape(-1, B, len(STEPS))).max(axis=2)
        since, sure = self.boundaries.age(rows, sent)
        span = np.empty((len(rows), S + F), dtype=np.float32)
        span[:, :S], span[:, S:] = SLIDING, since + 1e-6
        used = (age[:, None, :] < span[:, :, None]).sum(axis=2)
        need[:, B:] = LOG.take(used + 1)
        surely = np.ones((len(rows), G), dtype=bool)
        surely[:, B + S :] = sure
        return need, surely

    def _bracket(self, rows: Ints, lane: Ints, sent: Floats, refused: Bools) -> None:
        before = self.refused_at[lane]
        again = np.flatnonzero(~refused & (before > -np.inf) & (before < sent))
        if again.size:
            self.boundaries.learn(rows[again], before[again], sent[again])
        self.refused_at[lane] = np.where(refused, np.maximum(before, sent), -np.inf)
        self.in_turn[lane] = np.where(refused, self.in_turn[lane] + 1, 0)

    def _believe(self, rows: Ints, lane: Ints) -> Ints:
        """Choose hypotheses; the lanes whose outlook is another one now."""
        score, old = self.score.take(rows, 0) + PRIOR, self.best.take(rows)
        new = score.argmax(axis=1)
        each = np.arange(len(rows))
        changed = np.flatnonzero(score[each, new] > score[each, old] + ODDS)
        if not changed.size:
            return lane
        self.best[rows[changed]] = new[changed]
        all_of = (rows[changed][:, None] * self.arms + np.arange(self.arms)).ravel()
        return np.union1d(lane, all_of)

    def _refresh(self, lane: Ints) -> None:
        lane = lane[self.limited.take(lane)]
        if lane.size:
            self.ready[lane] = self._ready(lane, np.zeros(len(lane), dtype=np.intp))

    def _ready(self, lane: Ints, first: Ints) -> Floats:
        """(n, Q) when the chance reaches each level, for who sees entries from ``first`` on."""
        rows = lane // self.arms
        best = self.best.take(rows)
        high, low = self.high[lane, best], self.low[lane, best]
        limit = np.exp(high[:, None] - LEVELS * (high - low)[:, None])
        times = self.ledger.times
        ready = np.empty(limit.shape)
        for kind, some in (
            (self._bucket, np.flatnonzero(best < B)),
            (self._sliding, np.flatnonzero((best >= B) & (best < B + S))),
            (self._fixed, np.flatnonzero(best >= B + S)),
        ):
            if some.size:
                ready[some] = kind(lane[some], rows[some], best[some], first[some], limit[some])
        ready = np.maximum(ready, times[lane, np.minimum(first, DEPTH - 1)][:, None])
        refused = self.refused_at[lane]
        pause = np.minimum(BACKOFF * 2.0 ** np.minimum(self.in_turn[lane] - 1, 20), LONGEST)
        ready = np.maximum(ready, (refused[:, None] + pause[:, None] * LEVELS))
        asked = self.asked[lane]
        on = np.flatnonzero(asked > -np.inf)
        if on.size:
            newest = times[lane[on], np.minimum(first[on], DEPTH - 1)]
            until = asked[on]
            cap = np.where(newest < until - 60, until, np.inf)  # TODO
            ready[on] = np.maximum(ready[on], until[:, None] - 1.0 + LEVELS)
        return ready

    def _bucket(self, lane, rows, best, first, limit) -> Floats:
        at = np.minimum(first[:, None] + BURSTS[best][:, None] - 1 + STEPS, DEPTH - 1)
        times = self.ledger.times[lane[:, None], at]
        return (times[:, :, None] + (STEPS + 1.0)[:, None] / limit[:, None, :]).max(axis=1)

    def _sliding(self, lane, rows, best, first, limit) -> Floats:
        count = np.maximum(np.floor(limit + 1e-3), 1).astype(np.intp)
        at = np.minimum(first[:, None] + count - 1, DEPTH - 1)
        return self.ledger.times[lane[:, None], at] + WINDOWS[best][:, None]

    def _fixed(self, lane, rows, best, first, limit) -> Floats:
        times = self.ledger.times.take(lane, 0)
        newest = times[np.arange(len(lane)), np.minimum(first, DEPTH - 1)]
        newest = np.maximum(newest, self.refused_at[lane])
        start, early, late = self.boundaries.next(rows, best - B - S, newest)
        inside = (times >= start[:, None] - 1e-6) & (np.arange(DEPTH) >= first[:, None])
        used = inside.sum(axis=1)
        open_ = (used[:, None] < np.maximum(np.floor(limit + 1e-3), 1.0))
        open_ &= (self.refused_at[lane] < start)[:, None]
        then = early[:, None] + LEVELS * (late - early)[:, None]
        return np.where(open_, -np.inf, then)
