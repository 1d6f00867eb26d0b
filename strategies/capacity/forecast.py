"""What the model says of the next admission: when its chance reaches each of a few levels.

The likely limiters are averaged, each as heavy as it is likely.  The answer is kept for each
server and changes only when something happens to it, so that choosing is a look at these numbers.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.capacity.admissions import DEPTH, count_true
from strategies.capacity.limiters import Asked
from strategies.capacity.model import Limits, Model
from strategies.capacity.posterior import LIKELY
from strategies.capacity.units import TOKENS

LEVELS = np.array([0.2, 0.5, 0.8, 1.0])  # chances of admission
SHARE = np.diff(
    LEVELS, prepend=0.0
)  # of a limiter's weight that each of its ready times stands for
THERE = 0.5  # a limit that is less likely to exist is not waited for
REACHED = LEVELS[:, None, None] - 0.05  # so much chance is enough for a level


class Forecast:
    """``ready`` (lanes, Q): when the chance that each server admits reaches each level.

    Where sizes are known it is that of the attempts that were asked about last.
    """

    def __init__(self, model: Model) -> None:
        self.model, lanes = model, len(model.limited)
        self.stale = np.zeros(lanes, dtype=bool)  # something happened to the server since
        self.ready: Floats = np.full((lanes, len(LEVELS)), -np.inf)

    def ready_at(self, rows: Ints, size: Floats | None = None) -> Floats:
        """(n, K, Q) of these rows, in seconds; -inf where no limit was met.

        ``size`` (n,) is that of the attempts, in units, where it is known.
        """
        if size is None:
            self._refresh(rows)
            return self.ready.reshape(-1, self.model.arms, len(LEVELS)).take(rows, 0)
        ready = np.full((len(rows), self.model.arms, len(LEVELS)), -np.inf)
        i, arm = np.nonzero(self.model.limited.reshape(-1, self.model.arms).take(rows, 0))
        lane = rows.take(i) * self.model.arms + arm
        after = self.ready_after(lane, np.zeros(len(lane), dtype=np.intp), size.take(i))
        ready[i, arm] = self.ready[lane] = after
        return ready

    def ready_after(self, lane: Ints, first: Ints, size: Floats | None = None) -> Floats:
        """(n, Q) the same for an attempt that comes after the admissions from rank ``first`` on."""
        model, free = self.model, None
        if size is None:
            ready = self._averaged(model.requests, lane, first, None, None)
        else:
            there = model.units.there(lane // model.arms) >= THERE
            free = model.pauses.smaller(lane, size) & there[:, 1]
            ready = np.full((len(lane), len(LEVELS)), -np.inf)
            for unit, limits in enumerate((model.requests, model.tokens)):
                if np.count_nonzero(there[:, unit]):
                    sizes = size if unit == TOKENS else None
                    after = self._averaged(limits, lane, first, sizes, free)
                    np.maximum(ready, after, out=ready, where=there[:, unit, None])
        last = model.admissions.at(lane, np.minimum(first, DEPTH - 1))
        return model.pauses.bound(lane, ready, last, LEVELS, free)

    def _refresh(self, rows: Ints) -> None:
        """Look again at servers to which something happened."""
        stale = (self.stale & self.model.limited).reshape(-1, self.model.arms).take(rows, 0)
        i, arm = np.nonzero(stale)
        if i.size:
            lane = rows.take(i) * self.model.arms + arm
            self.ready[lane] = self.ready_after(lane, np.zeros(len(lane), dtype=np.intp))
            self.stale[lane] = False

    def _averaged(
        self, limits: Limits, lane: Ints, first: Ints, size: Floats | None, free: Bools | None
    ) -> Floats:
        """(n, Q) by all likely limiters: the quantiles of their ready times, weighted.

        Where an attempt is ``free`` (n,), the server's last refusal does not concern it.
        """
        posterior, cells = limits.posterior, LIKELY * len(LEVELS)
        rows = lane // self.model.arms
        limiter = posterior.likely.take(rows, 0).ravel()
        sizes = None if size is None else size.repeat(LIKELY)
        refused_at = self.model.pauses.refused_at.take(lane)
        if free is not None:
            refused_at[free] = -np.inf
        asked = Asked(lane.repeat(LIKELY), limiter, first.repeat(LIKELY), sizes)
        limit = limits.intervals.limit(asked.lane, limiter, LEVELS)
        ready = limits.limiters.ready(asked, limit, refused_at.repeat(LIKELY))
        start = np.arange(0, ready.size, cells)
        order = ready.reshape(-1, cells).argsort(axis=1) + start[:, None]
        share = posterior.weight.take(rows, 0)[:, :, None] * SHARE
        chance = np.ascontiguousarray(share.take(order).cumsum(axis=1).T)
        reached = start[:, None] + count_true(chance < REACHED).T
        averaged: Floats = ready.take(order.take(reached))
        return averaged
