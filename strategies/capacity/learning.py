"""How answers change the model: each is a test of what the limiters expected.

Where a fleet has been heard often enough, answers that the best limiter expected are shown to it
alone: they teach the others next to nothing, and most answers are of this kind.
"""

from math import inf
from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity import single
from strategies.capacity.calibration import CERTAIN
from strategies.capacity.intervals import chance
from strategies.capacity.model import Limits, Model
from strategies.capacity.units import BLAMED

# Answers that all limiters are shown, then one of so many: one of 5 or of 20 is no different but
# for 6 points less on T3-tide with 5 (decision 7).
FIRST_ANSWERS, ONE_OF = 50, 10
EXPECTED = (
    0.95  # a likelier answer is no news; showing one in eight of all others gave 0.51 for 0.36
)
_NOBODY: Ints = np.empty(0, dtype=np.intp)
SAME = 1e-5  # seconds: two times of the same attempt differ by less


class Answers(NamedTuple):
    """How n attempts ended: all arrays have shape (n,)."""

    rows: Ints
    lane: Ints
    rank: Ints  # in the server's admissions
    sent: Floats  # seconds
    refused: Bools

    def take(self, those: Ints) -> "Answers":
        """Some of them, in their order."""
        if those.size == self.rows.size:
            return self
        return Answers(
            self.rows.take(those),
            self.lane.take(those),
            self.rank.take(those),
            self.sent.take(those),
            self.refused.take(those),
        )


class Learning:
    """Changes a ``Model``."""

    def __init__(self, model: Model, replications: int) -> None:
        self.model = model
        self.count = np.zeros(replications, dtype=np.intp)  # answers of each fleet

    def learn(self, answers: Answers, until: Floats) -> Ints:
        """Attempts ended; the rows in which another limiter is the likeliest now.

        ``until`` (n,) is when servers that refused asked to be tried again, NaN if they did not.
        """
        model, (rows, lane, rank, sent, refused) = self.model, answers
        if len(rows) == 1 and not model.units.sized:
            return self._learn_one(answers, until)
        wider, rest = model.calibration.wider(rows, lane, sent)
        p, changed = self._test(answers, wider)
        self._calibrate(answers, p, rest)
        model.calibration.heard_at[lane] = sent
        if np.count_nonzero(refused):
            self._refused(lane[refused], rank[refused], until[refused])
        self._find_boundaries(answers)
        model.pauses.learn(lane, sent, refused)
        return changed

    def _learn_one(self, answers: Answers, until: Floats) -> Ints:
        """The same for a single answer, as live, and without limits in tokens."""
        model, limits, changed = self.model, self.model.requests, _NOBODY
        one = single.Answer(
            answers.rows.item(), answers.lane.item(), answers.sent.item(), answers.refused.item()
        )
        row, lane, sent, refused = one
        wider, rest = single.wider(model.calibration, one)
        before = model.pauses.refused_at.item(lane)
        count = self.count.item(row) + 1
        self.count[row] = count
        news = refused or before > -inf or count <= FIRST_ANSWERS or count % ONE_OF == 0
        if not news:
            best = limits.posterior.best.item(row)
            need = limits.limiters.needed(
                answers.lane, limits.posterior.best.take(answers.rows), answers.rank, answers.sent
            ).item()
            between = single.widened(limits.intervals, lane, best, wider)
            p = single.chance(between, need)
            news = p < EXPECTED
            if not news:
                single.narrow(limits.intervals, (lane, best), between, need, refused=False)
        if news:
            p = self._test_all(limits, answers, np.array([wider]), None).item()
            changed = limits.posterior.rank(answers.rows)
        limited = model.limited.item(lane)
        single.calibrate(model.calibration, one, p, rest, limited=limited)
        model.calibration.heard_at[lane] = sent
        if refused:
            self._refused(answers.lane, answers.rank, until)
        elif -inf < before < sent:
            limits.limiters.boundaries.learn(answers.rows, np.array([before]), answers.sent)
        single.pause(model.pauses, one)
        return changed

    def _refused(self, lane: Ints, rank: Ints, until: Floats) -> None:
        """Servers refused the admissions of these ranks."""
        model = self.model
        size = model.admissions.sizes[lane, rank]
        model.admissions.remove(lane, rank, sized=model.units.sized)
        model.limited[lane] = True
        model.pauses.ask(lane, until)
        model.pauses.refused_size[lane] = size

    def chance(self, limits: Limits, answers: Answers, wider: Floats) -> Floats:
        """(n,) how likely the best limiter took admissions to be."""
        _, lane, rank, sent, _ = answers
        best = limits.posterior.best.take(answers.rows)
        need = limits.limiters.needed(lane, best, rank, sent)
        return chance(limits.intervals.widened_one(lane, best, wider), need)

    def _test(self, answers: Answers, wider: Floats) -> tuple[Floats, Ints]:
        """(n,) how likely admissions were, and the rows in which the best limiter changed."""
        model, news = self.model, self._is_news(answers)
        if not model.units.sized:
            return self._test_unit(model.requests, answers, news, wider, None)
        both = model.requests, model.tokens
        there = model.units.there(answers.rows)
        admits = np.stack([self.chance(limits, answers, wider) for limits in both], axis=1)
        model.units.learn(answers.rows, admits, answers.refused)
        passed = 1.0 - there * (1.0 - admits)  # a limit that may not exist refuses less often
        changed = [
            self._test_unit(limits, answers, news, wider, passed[:, 1 - unit])[1]
            for unit, limits in enumerate(both)
        ]
        return passed.prod(axis=1), np.concatenate(changed)

    def _test_unit(
        self, limits: Limits, answers: Answers, news: Bools, wider: Floats, others: Floats | None
    ) -> tuple[Floats, Ints]:
        """Compare answers with what limiters expected: all of them, or the best one."""
        p, by_all = np.empty(len(news)), news.copy()
        some = (~news).nonzero()[0]
        if some.size:
            at = answers.take(some), wider.take(some), _taken(others, some)
            p[some], by_all[some] = self._test_best(limits, *at)
        some = by_all.nonzero()[0]
        if not some.size:
            return p, some
        at = answers.take(some), wider.take(some), _taken(others, some)
        p[some] = self._test_all(limits, *at)
        return p, limits.posterior.rank(answers.rows.take(some))

    def ranks(self, lane: Ints, sent: Floats, size: Floats | None) -> Ints:
        """(n,) the ranks of attempts; a replica's that was never noted is added now."""
        admissions = self.model.admissions
        rank = admissions.rank(lane, sent)
        unknown = (np.abs(admissions.at(lane, rank) - sent) > SAME).nonzero()[0]
        if unknown.size:
            admissions.add(lane[unknown], sent[unknown], _taken(size, unknown))
            rank = admissions.rank(lane, sent)
        if size is not None:  # what it turned out to be
            admissions.sizes[lane, rank] = size
        return rank

    def _is_news(self, answers: Answers) -> Bools:
        """(n,) refusals and answers after one, all first answers, and some of the others."""
        count = self.count.take(answers.rows) + 1
        self.count[answers.rows] = count
        after = self.model.pauses.refused_at.take(answers.lane) > -np.inf
        news: Bools = answers.refused | after | (count <= FIRST_ANSWERS) | (count % ONE_OF == 0)
        return news

    def _test_all(
        self, limits: Limits, answers: Answers, wider: Floats, others: Floats | None
    ) -> Floats:
        """(n,) how likely the best limiter took admissions to be, after showing them to all."""
        rows, lane, rank, sent, refused = answers
        need, sure = limits.limiters.needed_by_each(lane, rank, sent)
        between = limits.intervals.widened(lane, wider)
        p = chance(between, need)
        limits.posterior.learn(rows, p, sure, refused, others)
        best: Floats = p[np.arange(len(rows)), limits.posterior.best.take(rows)]
        if others is not None:
            sure &= _concerns(p, refused[:, None], others[:, None])
        limits.intervals.narrow(lane, between, need, sure, refused)
        return best

    def _test_best(
        self, limits: Limits, answers: Answers, wider: Floats, others: Floats | None
    ) -> tuple[Floats, Bools]:
        """(n,) the same by the best limiter alone, and where it was surprised: ask all there."""
        rows, lane, rank, sent, refused = answers
        best = limits.posterior.best.take(rows)
        need = limits.limiters.needed(lane, best, rank, sent)
        low, high = limits.intervals.widened_one(lane, best, wider)
        p = chance((low, high), need)
        news: Bools = np.where(refused, p > 1.0 - EXPECTED, p < EXPECTED)
        told = ~news if others is None else ~news & _concerns(p, refused, others)
        some = told.nonzero()[0]
        if some.size:
            at, between = (lane[some], best[some]), (low[some], high[some])
            limits.intervals.narrow_one(at, between, need[some], refused[some])
        return p, news

    def _calibrate(self, answers: Answers, p: Floats, rest: Floats) -> None:
        calibration = self.model.calibration
        calibration.learn(answers.rows, p, rest, answers.refused)
        certain = np.flatnonzero((p > CERTAIN) & self.model.limited.take(answers.lane))
        if certain.size:
            calibration.test(answers.lane[certain], answers.refused[certain])

    def _find_boundaries(self, answers: Answers) -> None:
        """Between a refusal and the next admission, of no less, a window may have begun."""
        rows, lane, rank, sent, refused = answers
        before = self.model.pauses.refused_at.take(lane)
        began = ~refused & (before > -np.inf) & (before < sent)
        if self.model.units.sized:
            size = self.model.admissions.sizes[lane, rank]
            began &= ~self.model.pauses.smaller(lane, size)
        again = np.flatnonzero(began)
        if again.size:
            bracket = rows[again], before[again], sent[again]
            self.model.requests.limiters.boundaries.learn(*bracket)
            if self.model.units.sized:
                self.model.tokens.limiters.boundaries.learn(*bracket)


def _concerns(p: Floats, refused: Bools, others: Floats) -> Bools:
    """Whether answers are about this limit: admissions are, and refusals that it explains best.

    ``p`` is the chance that this limit admits, ``others`` that all others do.
    """
    blame = (1.0 - p) >= BLAMED * (1.0 - p * others)
    concerns: Bools = ~refused | blame
    return concerns


def _taken(each: Floats | None, those: Ints) -> Floats | None:
    return None if each is None else each.take(those)
