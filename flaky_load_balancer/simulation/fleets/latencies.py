"""How long servers take to answer: lognormal, or with the heavy tails of a Pareto distribution.

Pareto, with the median m and the tail index a of a server:  P(latency > x) = (m / x)^a / 2  for
every x of at least m 2^(-1/a).  At a <= 2 the variance is infinite, at a <= 1 the mean as well.
"""

from math import erfc, sqrt
from typing import Protocol

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fleets.chance import normal


class Latencies(Protocol):
    """Those of all lanes; all arrays have shape (n,), or broadcast to one."""

    def seconds(self, lane: Ints, numbers: Floats) -> Floats:
        """Latencies that are made of as many uniform numbers."""

    def within(self, lane: Ints, seconds: Floats) -> Floats:
        """The chance that a latency is less than so many seconds."""


class Lognormal:
    """The same for every server."""

    def __init__(self, median: float, sigma: float) -> None:
        self.median, self.sigma = median, sigma

    def seconds(self, lane: Ints, numbers: Floats) -> Floats:  # noqa: ARG002
        latency: Floats = self.median * np.exp(self.sigma * normal(numbers))
        return latency

    def within(self, lane: Ints, seconds: Floats) -> Floats:  # noqa: ARG002
        some, place = np.unique(seconds, return_inverse=True)
        if not self.median * self.sigma:
            return (some > self.median)[place].astype(float)
        scores = np.log(np.maximum(some, 1e-300) / self.median) / (self.sigma * sqrt(2))
        return np.array([erfc(-score) / 2 for score in scores])[place]


class Pareto:
    """The same median for every server, each with a tail of its own: ``tail`` (lanes,)."""

    def __init__(self, median: float, tail: Floats) -> None:
        self.median, self.tail = median, tail

    def seconds(self, lane: Ints, numbers: Floats) -> Floats:
        latency: Floats = self.median * (2.0 * numbers) ** (-1.0 / self.tail[lane])
        return latency

    def within(self, lane: Ints, seconds: Floats) -> Floats:
        longer = (self.median / np.maximum(seconds, 1e-300)) ** self.tail[lane] / 2.0
        return np.maximum(1.0 - longer, 0.0)
