"""How sure a comparison is: 95 % intervals, and what cannot be told apart.

Strategies play the same fleets, so differences are taken fleet by fleet: what makes a fleet easy
or hard for all of them falls out, and with it most of the noise.  Intervals are Student's, which
with many replications are normal ones.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite, nan, sqrt
from typing import Any, NamedTuple

from scipy.special import stdtrit

from flaky_load_balancer.core.types import Floats

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean and its interval; from a single value there is none (NaN)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> "Estimate":
        """The mean of n independent values, and where the true mean is with 95 % confidence."""
        mean, n = float(values.mean()), len(values)
        if n < 2:
            return cls(mean, nan, nan)
        error = float(values.std(ddof=1)) / sqrt(n)
        reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
        return cls(mean, mean - reach, mean + reach)

    @property
    def reach(self) -> float:
        """Half of the interval's width."""
        return self.high - self.mean

    def json(self) -> dict[str, Any]:
        known = isfinite(self.low)
        return {"mean": self.mean, "ci95": [self.low, self.high] if known else [None, None]}


class Standing(NamedTuple):
    """Where one of several strategies stands on one scenario."""

    name: str
    behind: Estimate  # points that the best one's score is higher by
    group: int  # from 1; within a group, nobody can be told apart from its first; 0: a reference


def ranked(scores: Mapping[str, Floats], references: Collection[str] = ()) -> list[Standing]:
    """Group by group, the best mean first, given the scores (R,) of each on the same R fleets.

    A group has everybody left whose difference to the best of these has 0 in its interval: also
    who comes after somebody that is behind for sure, if theirs is a noisier difference.
    References (the oracle) come before all others, who are not measured against them.
    """
    order = sorted(scores, key=lambda name: -float(scores[name].mean()))
    rivals = [name for name in order if name not in references] or order
    groups = [[name for name in order if name not in rivals], *_groups(scores, rivals)]
    best = scores[rivals[0]]
    return [
        Standing(name, Estimate.of(best - scores[name]), group)
        for group, names in enumerate(groups)
        for name in names
    ]


def _groups(scores: Mapping[str, Floats], left: Sequence[str]) -> Iterator[list[str]]:
    """Whoever cannot be told apart from the best of those left, until nobody is."""
    while left:
        first = scores[left[0]]
        behind = [name for name in left if Estimate.of(first - scores[name]).low > 0]
        yield [name for name in left if name not in behind]
        left = behind
