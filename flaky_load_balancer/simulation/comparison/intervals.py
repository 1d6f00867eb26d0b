"""How sure a comparison is: 95 % intervals, and which strategies can be told apart.

Strategies play the same fleets, so differences are taken fleet by fleet: what makes a fleet easy
or hard for all of them falls out, and with it most of the noise.

Scores are skewed (a fleet without a good server is rare and costs much), and Student's interval of
20 of them has the true mean in it in 90 of 100 cases.  Hall's transformation ("On the removal of
skewness by transformation", J. R. Statist. Soc. B 54, 1992) straightens that: with it 94.  Without
skewness it changes nothing.

Each interval holds alone.  Groups hold together: that any of the strategies told apart are not
different has a chance of at most 5 % (Holm 1979, over all pairs), however many there are.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from math import cbrt, isfinite, nan, sqrt
from typing import Any, NamedTuple

from scipy.special import stdtr, stdtrit

from flaky_load_balancer.core.types import Floats

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean and its interval; from a single value there is none (NaN)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats, level: float = LEVEL) -> "Estimate":
        """The mean of n independent values, and where the true mean is with this confidence."""
        return cls._with_skewness(values, level, _skewness(values))

    @classmethod
    def careful(cls, values: Floats, level: float) -> "Estimate":
        """With an interval that has both Hall's and Student's in it.

        Far out in the tails Hall's trusts the skewness of few values too much, and Student's not
        at all.
        """
        mean, *hall = cls.of(values, level)
        _, *student = cls._with_skewness(values, level, 0.0)
        return cls(mean, min(hall[0], student[0]), max(hall[1], student[1]))

    @classmethod
    def _with_skewness(cls, values: Floats, level: float, skew: float) -> "Estimate":
        mean, n = float(values.mean()), len(values)
        if n < 2:
            return cls(mean, nan, nan)
        spread = float(values.std(ddof=1))
        reach = float(stdtrit(n - 1, (1 + level) / 2)) / sqrt(n)
        low, high = (mean - spread * _skewed(end, skew, n) for end in (reach, -reach))
        return cls(mean, low, high)

    @property
    def reach(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2

    def json(self) -> dict[str, Any]:
        known = isfinite(self.low)
        return {"mean": self.mean, "ci95": [self.low, self.high] if known else [None, None]}


def doubt(values: Floats) -> float:
    """The p-value of a mean of 0: 1 - the level of the ``careful`` interval that ends at 0."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return 1.0
    spread = float(values.std(ddof=1))
    if spread == 0:
        return float(mean == 0)
    t = min(abs(_straight(mean / spread, skew, n)) for skew in (0.0, _skewness(values)))
    return 2 * float(stdtr(n - 1, -sqrt(n) * t))


def _skewness(values: Floats) -> float:
    """Adjusted for small samples; 0 where there is none to speak of."""
    n = len(values)
    if n < 3 or (spread := float(values.std(ddof=1))) == 0:
        return 0.0
    cubes = float(((values - values.mean()) ** 3).sum())
    return n / ((n - 1) * (n - 2)) * cubes / spread**3


def _straight(t: float, skew: float, n: int) -> float:
    """Hall's transformation of a mean over its standard deviation."""
    return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n)


def _skewed(t: float, skew: float, n: int) -> float:
    """Its inverse."""
    if abs(skew) < 1e-9:
        return t
    return 3 / skew * (cbrt(1 + skew * (t - skew / (6 * n))) - 1)


class Standing(NamedTuple):
    """Where one of several strategies stands on one scenario."""

    name: str
    behind: Estimate  # points that the best one's score is higher by
    jointly: Estimate  # the same, with an interval that holds together with those of all others
    group: int  # from 1; within a group, nobody can be told apart from its first; 0: a reference


def ranked(scores: Mapping[str, Floats], references: Collection[str] = ()) -> list[Standing]:
    """Group by group, the best mean first, given the scores (R,) of each on the same R fleets.

    A group has everybody left who cannot be told apart from the best of these: also who comes
    after somebody that is behind for sure, if theirs is a noisier difference.  References (the
    oracle) come before all others, who are not measured against them.
    """
    order = sorted(scores, key=lambda name: -float(scores[name].mean()))
    rivals = [name for name in order if name not in references] or order
    pairs = told_apart({name: scores[name] for name in rivals})
    groups = [[name for name in order if name not in rivals], *_groups(pairs, rivals)]
    best = rivals[0]
    standings = []
    for group, names in enumerate(groups):
        for name in names:
            behind = scores[best] - scores[name]
            level = pairs[best, name].level if (best, name) in pairs else LEVEL
            standings.append(
                Standing(name, Estimate.of(behind), Estimate.careful(behind, level), group)
            )
    return standings


class Pair(NamedTuple):
    """Two strategies held against each other."""

    apart: bool
    level: float  # at which the interval of their difference was looked at


def told_apart(scores: Mapping[str, Floats]) -> dict[tuple[str, str], Pair]:
    """Whether the means of each two differ, by Holm's procedure; pairs are in both orders.

    The clearest pair must be clear at 1 - 5 % / pairs, the next at 1 - 5 % / (pairs - 1), and so
    on, until one is not: nor are the others then.
    """
    doubts = {
        pair: doubt(scores[pair[0]] - scores[pair[1]]) for pair in combinations(list(scores), 2)
    }
    pairs: dict[tuple[str, str], Pair] = {}
    apart, allowed = True, 0.0
    for place, pair in enumerate(sorted(doubts, key=lambda each: doubts[each])):
        if apart:
            allowed = (1 - LEVEL) / (len(doubts) - place)
            apart = doubts[pair] < allowed
        pairs[pair] = pairs[pair[1], pair[0]] = Pair(apart, 1 - allowed)
    return pairs


def _groups(pairs: Mapping[tuple[str, str], Pair], left: Sequence[str]) -> Iterator[list[str]]:
    """Whoever cannot be told apart from the best of those left, until nobody is."""
    while left:
        behind = [name for name in left if name != left[0] and pairs[left[0], name].apart]
        yield [name for name in left if name not in behind]
        left = behind
