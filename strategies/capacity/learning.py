"""How answers change the model: each is a test of what the limiters expected.

Where a fleet has been heard often enough, answers that the best limiter expected are shown to it
alone: they teach the others next to nothing, and most answers are of this kind.
"""

from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity.calibration import CERTAIN
from strategies.capacity.intervals import chance
from strategies.capacity.model import Model

# Answers that all limiters are shown, then one of so many: one of 5 or of 20 is no different but
# for 6 points less on T3-tide with 5 (decision 7).
FIRST_ANSWERS, ONE_OF = 50, 10
EXPECTED = (
    0.95  # a likelier answer is no news; showing one in eight of all others gave 0.51 for 0.36
)
SAME = 1e-5  # seconds: two times of the same attempt differ by less


class Answers(NamedTuple):
    """How n attempts ended: all arrays have shape (n,)."""

    rows: Ints
    lane: Ints
    rank: Ints  # in the server's admissions
    sent: Floats  # seconds
    refused: Bools

    def take(self, those: Ints) -> "Answers":
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

    def learn(self, rows: Ints, lane: Ints, sent: Floats, refused: Bools, until: Floats) -> Ints:
        """Attempts ended; the rows in which another limiter is the likeliest now.

        ``until`` (n,) is when servers that refused asked to be tried again, NaN if they did not.
        """
        answers = Answers(rows, lane, self._added(lane, sent), sent, refused)
        changed = self._test(answers)
        self.model.calibration.heard_at[lane] = sent
        if np.count_nonzero(refused):
            no = lane[refused]
            self.model.admissions.remove(no, answers.rank[refused])
            self.model.limited[no] = True
            self.model.pauses.ask(no, until[refused])
        self._find_boundaries(answers)
        self.model.pauses.learn(lane, sent, refused)
        return changed

    def _added(self, lane: Ints, sent: Floats) -> Ints:
        """(n,) the ranks of attempts; a replica's that was never noted is added now."""
        admissions = self.model.admissions
        rank = admissions.rank(lane, sent)
        unknown = np.abs(admissions.at(lane, rank) - sent) > SAME
        if np.count_nonzero(unknown):
            admissions.add(lane[unknown], sent[unknown])
            rank = admissions.rank(lane, sent)
        return rank

    def _test(self, answers: Answers) -> Ints:
        """Compare answers with what limiters expected: all of them, or the best one."""
        by_all = self._is_news(answers)
        some = (~by_all).nonzero()[0]
        if some.size:
            by_all[some] = self._test_best(answers.take(some))
        some = by_all.nonzero()[0]
        if not some.size:
            return some
        answers = answers.take(some)
        self._test_all(answers)
        return self.model.posterior.rank(answers.rows)

    def _is_news(self, answers: Answers) -> Bools:
        """(n,) refusals and answers after one, all first answers, and some of the others."""
        count = self.count.take(answers.rows) + 1
        self.count[answers.rows] = count
        after = self.model.pauses.refused_at.take(answers.lane) > -np.inf
        news: Bools = answers.refused | after | (count <= FIRST_ANSWERS) | (count % ONE_OF == 0)
        return news

    def _test_all(self, answers: Answers) -> None:
        rows, lane, rank, sent, refused = answers
        model = self.model
        need, sure = model.limiters.needed_by_each(lane, rank, sent)
        wider, rest = model.calibration.wider(rows, lane, sent)
        between = model.intervals.widened(lane, wider)
        p = chance(between, need)
        best = np.arange(len(rows)), model.posterior.best.take(rows)
        model.posterior.learn(rows, p, sure, refused)
        self._calibrate(answers, p[best], rest)
        model.intervals.narrow(lane, between, need, sure, refused)

    def _test_best(self, answers: Answers) -> Bools:
        """(n,) where the best limiter did not expect an answer, so that all should be asked."""
        rows, lane, rank, sent, refused = answers
        model, best = self.model, self.model.posterior.best.take(rows)
        need = model.limiters.needed(lane, best, rank, sent)
        wider, rest = model.calibration.wider(rows, lane, sent)
        low, high = model.intervals.widened_one(lane, best, wider)
        p = chance((low, high), need)
        news: Bools = np.where(refused, p > 1.0 - EXPECTED, p < EXPECTED)
        some = (~news).nonzero()[0]
        if some.size:
            self._calibrate(answers.take(some), p[some], rest[some])
            at, between = (lane[some], best[some]), (low[some], high[some])
            model.intervals.narrow_one(at, between, need[some], refused[some])
        return news

    def _calibrate(self, answers: Answers, p: Floats, rest: Floats) -> None:
        calibration = self.model.calibration
        calibration.learn(answers.rows, p, rest, answers.refused)
        certain = np.flatnonzero((p > CERTAIN) & self.model.limited.take(answers.lane))
        if certain.size:
            calibration.test(answers.lane[certain], answers.refused[certain])

    def _find_boundaries(self, answers: Answers) -> None:
        """Between a refusal and the next admission a window may have begun."""
        rows, lane, _, sent, refused = answers
        before = self.model.pauses.refused_at.take(lane)
        again = np.flatnonzero(~refused & (before > -np.inf) & (before < sent))
        if again.size:
            self.model.limiters.boundaries.learn(rows[again], before[again], sent[again])
