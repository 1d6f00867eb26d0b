"""The numbers to reproduce, who said so, and what measures them here.

Errors are standard errors.  Where a source gives none, it is estimated from the spread of our own
replications and the ten runs that the number came from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.reproduction import besson
from benchmarks.reproduction.bandits import one_better, pseudo_regret
from benchmarks.reproduction.chapelle_li import ChapelleLiUCB
from benchmarks.reproduction.knapsack import best_fixed, primal_dual, theory
from benchmarks.reproduction.mabwiser_ucb1 import differences
from flaky_load_balancer.core.types import Floats
from strategies.kl_ucb import KLUCB
from strategies.v2_ucb1 import UCB1
from strategies.v4_thompson import Thompson

ERRORS = 3.0  # how many standard errors two honest numbers may be apart
PLAIN = "regret, 10 arms, .5 and .4, T ="
LONG = 1_000_000


class Claim(NamedTuple):
    """A published mean and its standard error."""

    what: str
    published: float
    error: float


class Verdict(NamedTuple):
    """What was measured, its standard error, and whether both numbers can be of one truth."""

    claim: Claim
    measured: float
    error: float

    @property
    def allowed(self) -> float:
        return ERRORS * float(np.hypot(self.error, self.claim.error))

    @property
    def holds(self) -> bool:
        return abs(self.measured - self.claim.published) <= self.allowed


@dataclass(frozen=True)
class Play:
    """One measurement, (claims, R) or (R,) numbers, and what is claimed of their means."""

    measure: Callable[[], Floats]
    claims: list[Claim]
    quick: bool = True

    def verdicts(self) -> list[Verdict]:
        each = np.atleast_2d(self.measure())
        errors = each.std(axis=1) / np.sqrt(each.shape[1])
        return [
            Verdict(claim, float(mean), float(error))
            for claim, mean, error in zip(self.claims, each.mean(axis=1), errors, strict=True)
        ]


def plays() -> list[Play]:
    """Everything, the slow ones first."""
    return [*_chapelle_li(), *_changing(), *_plain(), *_knapsacks(), _mabwiser()]


def _plain() -> list[Play]:
    """Four libraries agree on T = 1,000."""
    published = [
        ("UCB1", UCB1(), 400, (83.1, 0.12), (354.7, 0.7)),
        ("Thompson", Thompson(), 400, (66.5, 0.51), (143.6, 1.5)),
        ("KL-UCB", KLUCB(), 200, (71.7, 0.63), (197.4, 2.2)),
    ]
    return [
        Play(
            partial(pseudo_regret, strategy, one_better(10, 0.1), (1000, 5000), replications=count),
            [
                Claim(f"{name}: {PLAIN} 1,000", *short),
                Claim(f"{name}: {PLAIN} 5,000", *longer),
            ],
        )
        for name, strategy, count, short, longer in published
    ]


def _changing() -> list[Play]:
    """Besson et al. draw most of these as curves; the numbers are of an independent program."""
    published = {
        "SW-TS": ((146.8, 1.3), (128.5, 1.0)),
        "D-TS": ((171, 1.0), (154, 1.0)),
        "SW-klUCB": ((187.5, 1.4), (182.4, 1.1)),
        "D-klUCB": ((216, 1.1), (218, 1.1)),
        "GLR-klUCB, local": ((200, 3.0), (204, 1.0)),
        "GLR-klUCB, global": ((202, 3.0), (210, 1.0)),
        "UCB1": ((247, 1.4), (182, 1.7)),
        "klUCB": ((269, 5.4), (163, 4.2)),
        "Thompson": ((478, 8.0), (371, 10.0)),
    }
    tuned, horizon = besson.strategies(), (besson.ROUNDS,)
    return [
        Play(
            partial(pseudo_regret, tuned[name], rates, horizon, replications=100),
            [Claim(f"{name}: regret, {problem}, T = {besson.ROUNDS:,}", *claim)],
            quick=name == "SW-TS",
        )
        for name, claims in published.items()
        for (problem, rates), claim in zip(besson.PROBLEMS.items(), claims, strict=True)
    ]


def _chapelle_li() -> list[Play]:
    """Chapelle and Li, NIPS 2011, section 3, draw these as curves; the numbers are of others."""
    published = [
        ("Thompson", Thompson(), 0.02, 1092, 38),
        ("Thompson", Thompson(), 0.1, 358, 15),
        ("their UCB", ChapelleLiUCB(), 0.02, 2558, 74),
        ("their UCB", ChapelleLiUCB(), 0.1, 705, 13),
    ]
    return [
        Play(
            partial(pseudo_regret, strategy, one_better(10, gap), (LONG,), replications=40),
            [Claim(f"{name}: regret, 10 arms, gap {gap}, T = {LONG:,}", mean, error)],
            quick=False,
        )
        for name, strategy, gap, mean, error in published
    ]


def _knapsacks() -> list[Play]:
    """The paper itself has no numbers."""
    published = [
        (1000, (0.877, 0.011), (0.989, 0.004)),
        (3000, (0.895, 0.003), (0.993, 0.0025)),
        (10_000, (0.937, 0.0014), (0.995, 0.0013)),
    ]
    what = "PrimalDualBwK: reward / OPT_LP,"
    found = [Play(partial(best_fixed, 1000, replications=100), [_best_fixed()])]
    for rounds, cautious, bold in published:
        for c, label, claim in ((theory(rounds), "theory", cautious), (1.0, "C = 1", bold)):
            measure = partial(primal_dual, rounds, c, replications=100)
            found.append(Play(measure, [Claim(f"{what} {label}, T = {rounds:,}", *claim)]))
    return found


def _best_fixed() -> Claim:
    return Claim("best fixed arm: reward / OPT_LP", 0.53, 0.0015)


def _mabwiser() -> Play:
    return Play(differences, [Claim("UCB1: decisions unlike mabwiser 2.7.4's", 0, 0)])
