"""What the servers of several fleets have in common: a prior, by parametric empirical Bayes.

The chance of success of each server is taken to be drawn from one Beta(a, b), and its successes s
and failures f to be binomial: a and b make what the logs say likeliest (the beta-binomial)::

    maximise the sum over servers of ln B(a + s, b + f) - ln B(a, b)

The logarithm of each server's limit is taken to be even between two ends, which are the smallest
and the largest that were seen, widened by their distance over n - 1: the unbiased estimate.

Source: Morris, JASA 78 (1983), "Parametric empirical Bayes inference".
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, expit, logit

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Floats, Outcome
from flaky_load_balancer.simulation.fitting.fit import Fit
from flaky_load_balancer.simulation.fitting.log import Log

FEW = 10  # servers: fewer tell little of what others will be like
SURE = 200.0  # a + b at most: no fleet is so like others that more evidence would not count
LEAST = 0.1  # a and b at least, as strategies take them
APART = 1.3  # the two ends of limits, at least


class Limits(NamedTuple):
    """Admissions per second, from where to where."""

    low: float
    high: float
    servers: int  # whose limits were met


@dataclass(frozen=True)
class Prior:
    """Beta(a, b) of chances of success, and ``limits`` where any was met."""

    a: float
    b: float
    fleets: int
    servers: int
    limits: Limits | None = None

    @classmethod
    def of(cls, logs: Sequence[Log]) -> "Prior":
        """From logs of fleets; UserError where there is nothing in common to learn."""
        counts = np.concatenate([_counts(log) for log in logs])
        counts = counts[counts.sum(axis=1) > 0]
        if len(counts) < 2:
            raise UserError("--prior: expected the attempts of two servers or more in the logs")
        a, b = _beta(counts)
        rates = np.concatenate([_rates(Fit.of(log)) for log in logs])
        return cls(a, b, len(logs), len(counts), _limits(rates))

    @property
    def between(self) -> tuple[float, float]:
        """Where the chances of 95 % of all servers are."""
        low, high = (float(betaincinv(self.a, self.b, level)) for level in (0.025, 0.975))
        return low, high

    @property
    def specs(self) -> list[str]:
        """Strategies that begin with it."""
        shape = f"a={self.a:.3g},b={self.b:.3g}"
        ends = "" if self.limits is None else (
            f",slowest={self.limits.low:.3g},fastest={self.limits.high:.3g}"
        )  # fmt: skip
        return [f"cascade:{shape}{ends}", f"v4:{shape}"]

    @property
    def sentences(self) -> list[str]:
        """What was learnt, for people."""
        low, high = self.between
        found = [
            f"{self.servers} servers of {self.fleets} logs: 95 % of all servers have success rates"
            f" between {low:.2f} and {high:.2f}"
        ]
        if self.limits is not None:
            low, high, met = self.limits
            found.append(
                f"{met} limits were met: from {low:.3g} to {high:.3g} admissions per second"
            )
        return found

    @property
    def doubts(self) -> list[str]:
        """What is uncertain, in sentences."""
        few = [f"{self.servers} servers tell little of others"] if self.servers < FEW else []
        alike = self.a + self.b > 0.99 * SURE
        return few + (["servers do not differ by more than chance"] if alike else [])

    def result(self) -> dict[str, Any]:
        """As JSON."""
        limits = None if self.limits is None else self.limits._asdict()
        return asdict(self) | {"limits": limits, "between": self.between, "specs": self.specs}


def _counts(log: Log) -> Floats:
    """(servers, 2) successes and failures."""
    size = len(log.servers)
    ends = Outcome.SUCCEEDED, Outcome.FAILED
    columns = [np.bincount(log.server[log.outcome == end], minlength=size) for end in ends]
    return np.stack(columns, axis=1).astype(float)


def _beta(counts: Floats) -> tuple[float, float]:
    """The likeliest a and b, given (n, 2) successes and failures."""
    succeeded, failed = counts.T

    def unlikely(point: Floats) -> float:
        a, b = _shape(point)
        return -float((betaln(a + succeeded, b + failed) - betaln(a, b)).sum())

    middle = logit(np.clip((counts.sum(axis=0)[0] + 1) / (counts.sum() + 2), 0.01, 0.99))
    starts = [np.array([middle, np.log(size)]) for size in (1.0, 10.0, 100.0)]
    bounds = [(-6.0, 6.0), (np.log(2 * LEAST), np.log(SURE))]
    found = min((minimize(unlikely, each, bounds=bounds) for each in starts), key=lambda x: x.fun)
    return _shape(found.x)


def _shape(point: Floats) -> tuple[float, float]:
    """a and b, of the logit of the mean and the logarithm of their sum."""
    mean, total = float(expit(point[0])), float(np.exp(point[1]))
    return max(mean * total, LEAST), max((1.0 - mean) * total, LEAST)


def _rates(fit: Fit) -> Floats:
    """(n,) admissions per second of the servers that refused."""
    if fit.best is None:
        return np.empty(0)
    values = np.array([each.value for each in fit.best.limits]) / fit.best.window.value
    rates: Floats = values[np.isfinite(values) & (values > 0)]
    return rates


def _limits(rates: Floats) -> Limits | None:
    if len(rates) < 2:
        return None
    low, high = np.log(rates.min()), np.log(rates.max())
    wider = max((high - low) / (len(rates) - 1), 0.5 * np.log(APART))
    return Limits(float(np.exp(low - wider)), float(np.exp(high + wider)), len(rates))
