"""Has the chance of success of a server changed?  Two detectors, with one lane for every server.

Each is told of one attempt in each of n replications, answers where it is alarmed, and begins
again with servers that alarmed it.
"""

from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from strategies.parts.likelihood import gain

SPLITS = 256  # places where a sequence may have changed: as many are looked at, however long it is


class Cusum:
    """Two-sided cumulated sums of what deviates from the mean of the first values.

    Source: Liu, Lee and Shroff, AAAI 2018 (arXiv 1711.03539), algorithm 2::

        u = mean of the first ``first`` values, then
        up = max(0, up + x - u - tolerance), down = max(0, down + u - x - tolerance),
        alarm where up or down reaches ``threshold``
    """

    transient: ClassVar = ("alarms",)

    def __init__(
        self, shape: tuple[int, int], first: int, tolerance: float, threshold: float
    ) -> None:
        self.first, self.tolerance, self.threshold = first, tolerance, threshold
        self.pulls: Floats = np.zeros(shape)
        self.total: Floats = np.zeros(shape)  # of the first values
        self.up: Floats = np.zeros(shape)
        self.down: Floats = np.zeros(shape)
        self.alarms: Floats = np.zeros(shape)

    def learn(self, rows: Ints, arm: Ints, won: Bools) -> Bools:
        """(n,) whether the chance of success of this server has changed."""
        at = rows, arm
        self.pulls[at] += 1.0
        early = self.pulls[at] <= self.first
        self.total[at] += early & won
        beyond = np.where(early, 0.0, won - self.total[at] / self.first)
        self.up[at] = np.maximum(self.up[at] + beyond - self.tolerance, 0.0)
        self.down[at] = np.maximum(self.down[at] - beyond - self.tolerance, 0.0)
        alarm: Bools = np.maximum(self.up[at], self.down[at]) >= self.threshold
        self.alarms[at] += alarm
        self.forget(rows[alarm], arm[alarm])
        return alarm

    def forget(self, rows: Ints, arm: Ints) -> None:
        for table in (self.pulls, self.total, self.up, self.down):
            table[rows, arm] = 0.0


class LikelihoodRatio:
    """Alarm where two chances of success explain all values much better than one.

    Source: Besson, Kaufmann, Maillard and Seznec, JMLR 2022 (arXiv 1902.01575), section 3, for
    Bernoulli values::

        sup over s of s kl(mean of the first s, mean) + (n - s) kl(mean of the others, mean)
            >= ln(n^(3/2) / delta)

    It is looked at after every ``every`` values.  Splits s are multiples of ``stride``, which
    doubles whenever there are ``SPLITS`` of them, so that memory and time stay bounded.
    """

    transient: ClassVar = ("alarms",)

    def __init__(
        self, shape: tuple[int, int], delta: float, *, every: int = 10, stride: int = 5
    ) -> None:
        self.delta, self.every, self.least = delta, every, stride
        self.pulls = np.zeros(shape, dtype=np.intp)
        self.won = np.zeros(shape, dtype=np.intp)
        self.stride = np.full(shape, stride, dtype=np.intp)
        self.alarms: Floats = np.zeros(shape)
        self.marks = np.zeros((*shape, SPLITS), dtype=np.int32)  # successes up to each split

    def learn(self, rows: Ints, arm: Ints, won: Bools) -> Bools:
        """(n,) whether the chance of success of this server has changed."""
        self.pulls[rows, arm] += 1
        self.won[rows, arm] += won
        self._mark(rows, arm)
        alarm = np.zeros(len(rows), dtype=bool)
        due = np.flatnonzero(self.pulls[rows, arm] % self.every == 0)
        if due.size:
            alarm[due] = self._changed(rows[due], arm[due])
            self.alarms[rows, arm] += alarm
            self.forget(rows[alarm], arm[alarm])
        return alarm

    def forget(self, rows: Ints, arm: Ints) -> None:
        self.pulls[rows, arm] = self.won[rows, arm] = 0
        self.stride[rows, arm] = self.least

    def _mark(self, rows: Ints, arm: Ints) -> None:
        """Remember the successes where a split may be; of too many, every second one."""
        split, between = np.divmod(self.pulls[rows, arm], self.stride[rows, arm])
        here = between == 0
        rows, arm, split = rows[here], arm[here], split[here]
        self.marks[rows, arm, split - 1] = self.won[rows, arm]
        full = split == SPLITS
        if np.count_nonzero(full):
            at = rows[full], arm[full]
            self.marks[(*at, slice(SPLITS // 2))] = self.marks[(*at, slice(1, None, 2))]
            self.stride[at] *= 2

    def _changed(self, rows: Ints, arm: Ints) -> Bools:
        n, won = self.pulls[rows, arm][:, None], self.won[rows, arm][:, None]
        most = max(1, int((n[:, 0] // self.stride[rows, arm]).max()))
        split = np.minimum(self.stride[rows, arm][:, None] * np.arange(1, most + 1), n)
        first = np.where(split < n, self.marks[rows, arm, :most], won)
        before = np.stack([first, split - first], axis=-1).astype(float)
        after = np.stack([won - first, n - split - won + first], axis=-1).astype(float)
        alarm: Bools = gain(before, after).max(axis=1) >= np.log(n[:, 0] ** 1.5 / self.delta)
        return alarm
