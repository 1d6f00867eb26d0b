"""Capacity: when each server will admit the next attempt, learnt from what it admitted and refused.

Servers of one fleet are mostly limited in the same way, each with a limit of its own.  Under each
way (``ways``) the history of a server says how large its limit must at least be for an attempt to
be admitted, so every answer is a test of one number.  Its logarithm lies between ``low`` and
``high``, evenly; an answer narrows the interval and time widens it, faster where forecasts were
contradicted lately.  How likely the answers were, of all servers of a fleet, is the score of a way;
the likeliest few speak, each as loudly as it is likely.  What they say is kept as the times at
which the chance of admission reaches each of ``LEVELS``: they change only when something happens to
the server.

Once some answers were heard, most of those that were expected are only shown to the best way.
A server that never refused is taken to have no limit.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Feedback, Floats, Ints
from strategies.parts.counts import REFUSED
from strategies.parts.ledger import DEPTH, Ledger, counted
from strategies.parts.ways import FIRST_SLIDING, LENGTH, WAYS, Ways

LEVELS = np.array([0.2, 0.5, 0.8, 1.0])
STEP = np.diff(LEVELS, prepend=0.0)
ENOUGH = LEVELS[:, None, None] - 0.05  # of the chance
LOWEST, HIGHEST = 0.02, 500.0  # admissions per second
MARGIN = np.log(1.25)  # the least width of an interval
DOUBT = 0.03  # of every way: answers that it excludes happen
UNSURE = 0.95  # how well a way explains answers about which it says nothing, to the best one
MEMORY = 0.995  # of scores
ODDS = 1.0  # by which another way must lead
LONGER = 0.7  # that each doubling of a window must earn
SURPRISE, FADE = 0.15, 0.99
STILL = 0.12, 20.0  # surprises in seconds, before any was seen
SURE = 0.95
AMONG, CALM = 4, 4.0
ALL, SOME = 50, 10  # answers that every way is shown, then one of so many
BACKOFF, LONGEST = 0.02, 10.0  # seconds
SLACK = 1e-5  # seconds: two times of the same attempt differ by less
TRUST = 4.0  # forecasts that came true, before any was tested
LEAST = np.log(np.where(np.arange(WAYS) < FIRST_SLIDING, LOWEST, np.maximum(LOWEST * LENGTH, 0.75)))
MOST = np.log(HIGHEST * LENGTH + 1.0)
_DOUBLINGS = np.log2(np.maximum(LENGTH, 0.2))  # shorter windows are no likelier than this one
PRIOR = -LONGER * np.where(np.arange(WAYS) < FIRST_SLIDING, 0.0, _DOUBLINGS)


class Capacity:
    """Everything that is known of R x K limits; lane = row x K + arm."""

    def __init__(self, replications: int, arms: int, *, drift: float) -> None:
        self.arms, lanes = arms, replications * arms
        self.drift = drift
        self.ledger = Ledger(lanes)
        self.ways = Ways(replications, arms, self.ledger)
        self.low = np.tile(_LEAST, (lanes, 1))  # in rows: taken by flat index
        self.high = np.tile(_MOST, (lanes, 1))
        self.score: Floats = np.zeros((replications, WAYS))
        self.best = np.zeros(replications, dtype=np.intp)
        self.likely = np.zeros((replications, AMONG), dtype=np.intp)
        self.weight: Floats = np.zeros((replications, AMONG))
        self.weight[:, 0] = 1.0
        self.stale = np.zeros(lanes, dtype=bool)
        self.answers = np.zeros(replications, dtype=np.intp)
        self.heard_at: Floats = np.full(lanes, np.inf)
        self.refused_at: Floats = np.full(lanes, -np.inf)  # and not admitted since
        self.in_turn = np.zeros(lanes, dtype=np.intp)  # unexpected ones since an admission
        self.limited = np.zeros(lanes, dtype=bool)
        self.last_refusal: Floats = np.full(replications, -np.inf)  # of any server
        self.asked: Floats = np.full(lanes, -np.inf)
        self.ready: Floats = np.full((lanes, len(LEVELS)), -np.inf)
        self.kept: Floats = np.full(lanes, TRUST)
        self.tested: Floats = np.full(lanes, TRUST)
        self.surprises: Floats = np.zeros(replications)
        self.exposure: Floats = np.zeros(replications)
        self.expected = np.ones(lanes, dtype=bool)  # that the last attempt would be admitted

    def enter(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """Attempts are sent, or promised, for these times."""
        self.ways.boundaries.begin(rows, time)
        lane = rows * self.arms + arm
        self.expected[lane] = self.ready[lane, 1] <= time + SLACK
        self.ledger.enter(lane, time)
        self.stale[lane] = True

    def trust(self, rows: Ints) -> Floats:
        """(n, K) the share of forecasts that came true."""
        kept, tested = self.kept.reshape(-1, self.arms), self.tested.reshape(-1, self.arms)
        trust: Floats = kept.take(rows, 0) / tested.take(rows, 0)
        return trust

    def wait(self, rows: Ints, now: Floats) -> Floats | None:
        """(n, K, Q) seconds until the chance reaches each level; None if no limit was met."""
        if self.last_refusal.take(rows).max() == -np.inf:
            return None
        return np.maximum(self.ready_at(rows) - now[:, None, None], 0.0)

    def ready_at(self, rows: Ints) -> Floats:
        """(n, K, Q) when the chance of admission reaches each level."""
        self._refresh(rows)
        return self.ready.reshape(-1, self.arms, len(LEVELS)).take(rows, 0)

    def learn(self, feedback: Feedback) -> None:
        """Attempts ended; where no server refuses, only the first answers are looked at."""
        refused = feedback.outcome == REFUSED
        if np.count_nonzero(refused):
            self.last_refusal[feedback.rows[refused]] = feedback.now[refused]
        new = (self.last_refusal.take(feedback.rows) > -np.inf) | (
            self.answers.take(feedback.rows) < ALL
        )
        heard = (new & (feedback.outcome <= REFUSED)).nonzero()[0]
        if heard.size:
            rows, arm = feedback.rows.take(heard), feedback.arm.take(heard)
            until = (feedback.now + feedback.retry_after).take(heard)
            sent = (feedback.now - feedback.latency).take(heard)
            self._learn(rows, rows * self.arms + arm, sent, refused.take(heard), until)

    def redeem(self, rows: Ints, arm: Ints, time: Floats, since: Floats, now: Floats) -> Bools:
        """(n,) whether promises can be kept; those that cannot are taken back.

        Only those are looked at again since which some server refused.
        """
        kept = self.last_refusal.take(rows) < since
        some = (~kept).nonzero()[0]
        if some.size:
            kept[some] = self._open(rows[some] * self.arms + arm[some], time[some], now[some])
        return kept

    def withdraw(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """What was promised for these times will not be sent."""
        lane = rows * self.arms + arm
        self.ledger.strike(lane, self.ledger.rank(lane, time))
        self.stale[lane] = True

    def _open(self, lane: Ints, time: Floats, now: Floats) -> Bools:
        """(n,) whether servers are likely to admit what was entered for these times."""
        rank = self.ledger.rank(lane, time)
        kept: Bools = self._ready(lane, rank + 1)[:, 1] <= now + 1e-5
        no = (~kept).nonzero()[0]
        if no.size:
            self.ledger.strike(lane[no], rank[no])
            self.stale[lane[no]] = True
        return kept

    def rate(self, rows: Ints) -> Floats:
        """(n, K) admissions per second, infinite where no limit was met."""
        lane = rows[:, None] * self.arms + np.arange(self.arms)
        best = self.best[rows][:, None]
        middle = 0.5 * (self.low[lane, best] + self.high[lane, best])
        return np.where(self.limited[lane], np.exp(middle) / LENGTH[best], np.inf)

    def _learn(self, rows: Ints, lane: Ints, sent: Floats, refused: Bools, until: Floats) -> None:
        rank = self._entered(lane, sent)
        count = self.answers.take(rows) + 1
        self.answers[rows] = count
        full = (
            refused | (self.refused_at.take(lane) > -np.inf) | (count <= ALL) | (count % SOME == 0)
        )
        some = (~full).nonzero()[0]
        if some.size:
            at = rows[some], lane[some], rank[some], sent[some], refused[some]
            full[some] = self._test_best(*at)
        some = full.nonzero()[0]
        if some.size:
            self._test_all(rows[some], lane[some], rank[some], sent[some], refused[some])
            self._believe(rows[some])
        self.heard_at[lane] = sent
        if np.count_nonzero(refused):
            no = lane[refused]
            self.ledger.strike(no, rank[refused])
            self.limited[no] = True
            self.asked[no] = np.fmax(self.asked[no], until[refused])
        self._bracket(rows, lane, sent, refused)
        self.stale[lane] = True

    def _entered(self, lane: Ints, sent: Floats) -> Ints:
        """(n,) the ranks of attempts; a replica's that was never noted is entered now."""
        rank = self.ledger.rank(lane, sent)
        unknown = np.abs(self.ledger.at(lane, rank) - sent) > SLACK
        if np.count_nonzero(unknown):
            self.ledger.enter(lane[unknown], sent[unknown])
            rank = self.ledger.rank(lane, sent)
        return rank

    def _wider(self, rows: Ints, lane: Ints, sent: Floats) -> tuple[Floats, Floats]:
        """(n,) by how much time has widened intervals, and the seconds since the last answer."""
        rest = np.maximum(sent - self.heard_at.take(lane), 0.0)
        surprises = self.surprises.take(rows) + STILL[0]
        exposure = self.exposure.take(rows) + STILL[1]
        return np.minimum(self.drift * surprises / exposure * rest, 2.0), rest

    def _test_all(self, rows: Ints, lane: Ints, rank: Ints, sent: Floats, refused: Bools) -> None:
        """Compare answers with what every way expected."""
        need, sure = self.ways.needs(lane, rank, sent)
        wider, rest = self._wider(rows, lane, sent)
        wider = wider[:, None].astype(np.float32)
        low = np.maximum(self.low.take(lane, 0) - wider, _LEAST)
        high = np.minimum(self.high.take(lane, 0) + wider, _MOST)
        p = _chance(low, high, need)
        happened = np.maximum(np.where(refused[:, None], 1.0 - p, p), DOUBT)
        at = np.arange(len(rows)), self.best.take(rows)
        happened = np.where(sure, happened, UNSURE * happened[at][:, None])
        self.score[rows] = MEMORY * self.score.take(rows, 0) + np.log(happened)
        self._reckon(rows, lane, p[at], rest, refused)
        tighter = _tighter(low, high, need, refused[:, None])
        self.low[lane] = np.where(sure, tighter[0], low)
        self.high[lane] = np.where(sure, tighter[1], high)

    def _test_best(self, rows: Ints, lane: Ints, rank: Ints, sent: Floats, refused: Bools) -> Bools:
        """The same of the best way only; (n,) where it was not sure, and all should be asked."""
        best = self.best.take(rows)
        at = lane * WAYS + best
        need = self.ways.need(lane, best, rank, sent)
        wider, rest = self._wider(rows, lane, sent)
        low = np.maximum(self.low.take(at) - wider, LEAST.take(best))
        high = np.minimum(self.high.take(at) + wider, MOST.take(best))
        p = _chance(low, high, need)
        news: Bools = np.where(refused, p > 1.0 - SURE, p < SURE)
        told = (~news).nonzero()[0]
        if told.size:
            self._reckon(rows[told], lane[told], p[told], rest[told], refused[told])
            low, high = _tighter(low[told], high[told], need[told], refused[told])
            self.low.put(at[told], low)
            self.high.put(at[told], high)
        return news

    def _reckon(self, rows: Ints, lane: Ints, p: Floats, rest: Floats, refused: Bools) -> None:
        """Count surprises: how fast limits move, and how far forecasts can be trusted."""
        happened = np.where(refused, 1.0 - p, p)
        self.surprises[rows] = FADE * self.surprises.take(rows) + (happened < SURPRISE)
        self.exposure[rows] = FADE * self.exposure.take(rows) + np.minimum(rest, 5.0)
        certain = np.flatnonzero((p > 0.9) & self.limited.take(lane))
        if certain.size:
            at = lane[certain]
            self.kept[at] = 0.9 * self.kept[at] + 0.1 * TRUST + ~refused[certain]
            self.tested[at] = 0.9 * self.tested[at] + 0.1 * TRUST + 1.0

    def _bracket(self, rows: Ints, lane: Ints, sent: Floats, refused: Bools) -> None:
        """Between a refusal and the next admission a window may have begun."""
        before = self.refused_at.take(lane)
        again = np.flatnonzero(~refused & (before > -np.inf) & (before < sent))
        if again.size:
            self.ways.boundaries.learn(rows[again], before[again], sent[again])
        self.refused_at[lane] = np.where(refused, np.maximum(before, sent), -np.inf)
        more = self.in_turn.take(lane) + self.expected.take(lane)
        self.in_turn[lane] = np.where(refused, more, 0)

    def _believe(self, rows: Ints) -> None:
        """Choose the best way and those that may be right as well."""
        score = self.score.take(rows, 0) + PRIOR
        each, old = np.arange(len(rows)), self.best.take(rows)
        now = score[each, old]
        likely, theirs = np.empty((2, len(rows), AMONG))
        for rank in range(AMONG):
            top = score.argmax(axis=1)
            likely[:, rank], theirs[:, rank] = top, score[each, top]
            score[each, top] = -np.inf
        weight = np.exp((theirs - theirs[:, :1]) / CALM)
        self.likely[rows], self.weight[rows] = likely, weight / weight.sum(axis=1)[:, None]
        changed = np.flatnonzero(theirs[:, 0] > now + ODDS)
        if changed.size:
            rows = rows[changed]
            self.best[rows] = likely[changed, 0]
            self.stale.reshape(-1, self.arms)[rows] = True

    def _refresh(self, rows: Ints) -> None:
        """Look again at servers to which something happened."""
        stale = (self.stale & self.limited).reshape(-1, self.arms).take(rows, 0)
        i, arm = np.nonzero(stale)
        if i.size:
            lane = rows.take(i) * self.arms + arm
            self.ready[lane] = self._ready(lane, np.zeros(len(lane), dtype=np.intp))
            self.stale[lane] = False

    def _ready(self, lane: Ints, first: Ints) -> Floats:
        """(n, Q) when the chance reaches each level, for who sees entries from ``first`` on."""
        ready = self._mixed(lane, first)
        shut = self.refused_at.take(lane)
        last = self.ledger.at(lane, np.minimum(first, DEPTH - 1))
        turns = np.minimum(self.in_turn.take(lane), 20)
        pause = np.where(turns > 0, np.minimum(BACKOFF * 2.0 ** (turns - 1.0), LONGEST), 0.0)
        floor = np.maximum(last[:, None], shut[:, None] + pause[:, None] * LEVELS)
        floor = np.maximum(floor, self.asked.take(lane)[:, None] - 1.0 + LEVELS)
        np.maximum(ready, floor, out=ready)
        return self._as_said(lane, ready, last, shut)

    def _as_said(self, lane: Ints, ready: Floats, last: Floats, shut: Floats) -> Floats:
        """The same where a server said when: no later for the first attempt after its refusal."""
        said = self.asked.take(lane)
        first = (said >= shut) & (last <= shut)
        np.minimum(ready, np.where(first, said, np.inf)[:, None], out=ready)
        return ready

    def _mixed(self, lane: Ints, first: Ints) -> Floats:
        """(n, Q) the same by what the likely ways say, each as heavy as it is likely."""
        rows, cells = lane // self.arms, AMONG * len(LEVELS)
        way = self.likely.take(rows, 0).ravel()
        ready = self._ready_if(lane.repeat(AMONG), way, first.repeat(AMONG))
        start = np.arange(0, ready.size, cells)
        order = ready.reshape(-1, cells).argsort(axis=1) + start[:, None]
        share = self.weight.take(rows, 0)[:, :, None] * STEP
        chance = np.ascontiguousarray(share.take(order).cumsum(axis=1).T)
        reached = start[:, None] + counted(chance < ENOUGH).T
        mixed: Floats = ready.take(order.take(reached))
        return mixed

    def _ready_if(self, lane: Ints, way: Ints, first: Ints) -> Floats:
        """(n, Q) the same where servers are limited in one way each."""
        at = lane * WAYS + way
        low, high = self.low.take(at)[:, None], self.high.take(at)[:, None]
        limit = np.exp(high - LEVELS * (high - low))
        return self.ways.ready(lane, way, first, limit, self.refused_at.take(lane))


_LEAST, _MOST = LEAST.astype(np.float32), MOST.astype(np.float32)


def _chance(low: Floats, high: Floats, need: Floats) -> Floats:
    """How likely a limit, evenly between these, is no less than what an attempt needs.

    Where a limit would have to be higher than any is, nothing is likely: the way is wrong.
    """
    width = np.where(low < high, high - low, np.inf)
    p: Floats = np.clip((high - need) / width, 0.0, 1.0)
    return p


def _tighter(low: Floats, high: Floats, need: Floats, no: Bools) -> tuple[Floats, Floats]:
    """Intervals after attempts that needed so much were refused, or not."""
    top = np.where(no, np.minimum(high, need), np.maximum(high, need + MARGIN))
    bottom = np.where(no, np.minimum(low, top - MARGIN), np.maximum(low, need))
    return bottom, np.maximum(top, bottom + MARGIN)
