"""How often servers fail, as a function of the seconds since t = 0.

Lanes are the servers of all replications, flattened, as in ``motions``.
"""

# ruff: noqa: ARG002 (what does not move ignores its arguments)

from typing import Protocol

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets.chance import Words, uniform
from flaky_load_balancer.simulation.fleets.motions import Motion


class Failures(Protocol):
    """All arguments and answers have shape (n,); times are seconds and not negative."""

    def rate(self, lane: Ints, t: Floats) -> Floats:
        """The chance that an admitted attempt fails."""

    def least(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        """The smallest such chance between two times (both included)."""


class Steady:
    """No motion: ``base`` (lanes,) always."""

    def __init__(self, base: Floats) -> None:
        self.base = base

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return self.base[lane]

    def least(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return self.base[lane]


class Drifting:
    """The base times the factor of a motion, and at most 1."""

    def __init__(self, base: Floats, motion: Motion) -> None:
        self.base, self.motion = base, motion

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return np.minimum(self.base[lane] * self.motion.factor(lane, t), 1.0)

    def least(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return np.minimum(self.base[lane] * self.motion.trough(lane, start, end), 1.0)


class Flapping:
    """Up and down by a Markov chain of two states, also when nobody asks (Gilbert 1960).

    A server stays up for an exponential time of mean ``up`` (lanes,) seconds, then down for one of
    mean ``down``, and begins in either state as often as it is in it in the long run.  While it is
    down, attempts fail with ``worse``, or as usual where that is oftener.
    """

    def __init__(self, base: Floats, up: Floats, down: Floats, worse: float, keys: Words) -> None:
        self.base, self.worse = base, worse
        self.means = np.stack([up, down])
        self._keys = keys
        self._begins_down = uniform(keys, 0) < down / (up + down)
        self._extend(16)

    def rate(self, lane: Ints, t: Floats) -> Floats:
        return np.where(self.down(lane, t), self._bad(lane), self.base[lane])

    def least(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        always = self.down(lane, start) & (self._switches(lane, start) == self._switches(lane, end))
        return np.where(always, self._bad(lane), self.base[lane])

    def down(self, lane: Ints, t: Floats) -> Bools:
        """(n,) which servers are down."""
        down: Bools = self._begins_down[lane] ^ (self._switches(lane, t) % 2 == 1)
        return down

    def _bad(self, lane: Ints) -> Floats:
        return np.maximum(self.base[lane], self.worse)

    def _switches(self, lane: Ints, t: Floats) -> Ints:
        """(n,) how often each server has gone up or down until then."""
        latest = t.max(initial=0.0)
        while self._times[:, -1].min(initial=np.inf) <= latest:
            self._extend(2 * self._times.shape[1])
        passed: Ints = (self._times[lane] <= t[:, None]).sum(axis=1)
        return passed

    def _extend(self, count: int) -> None:
        """Compute the times (lanes, count) of the first switches."""
        numbers = uniform(self._keys[:, None], 1 + np.arange(count))
        state = (self._begins_down[:, None] + np.arange(count)) % 2
        mean = np.where(state == 0, self.means[0][:, None], self.means[1][:, None])
        self._times: Floats = np.cumsum(-mean * np.log(numbers), axis=1)
