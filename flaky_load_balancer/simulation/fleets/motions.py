"""How a limit or a rate moves: a factor on its base, as a function of the seconds since t = 0.

Lanes are the servers of all replications, flattened: lane = row x K + arm.  A motion answers for
n lanes at n times.  Its area is exact, so a token bucket that follows it gains and loses nothing
by being asked often or seldom.
"""

# ruff: noqa: ARG002 (what does not move ignores its arguments)

from collections.abc import Callable
from typing import Protocol

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets.chance import Words, uniform
from flaky_load_balancer.simulation.scenarios import Motion as Moves

TURN = 2 * np.pi
STEPS_OF_A_WALK = 20  # in each period


class Motion(Protocol):
    """All arguments and answers have shape (n,); times are seconds and not negative."""

    def factor(self, lane: Ints, t: Floats) -> Floats:
        """The limit at a time, over its base."""

    def area(self, lane: Ints, t: Floats) -> Floats:
        """The integral of the factor from 0 to a time, in seconds."""

    def peak(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        """The largest factor between two times (both included)."""

    def trough(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        """The smallest factor between two times (both included)."""


class Still:
    """No motion."""

    def factor(self, lane: Ints, t: Floats) -> Floats:
        return np.ones(len(t))

    def area(self, lane: Ints, t: Floats) -> Floats:
        return t

    def peak(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return np.ones(len(start))

    def trough(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return np.ones(len(start))


class Sinusoid:
    """1 + amplitude sin(2 pi t / period + phase); parameters (lanes,), seconds and radians."""

    def __init__(self, amplitude: Floats, period: Floats, phase: Floats) -> None:
        self.amplitude = amplitude
        self.speed = TURN / period
        self.phase = phase
        self._swing = amplitude / self.speed
        self._origin = self._swing * np.cos(phase)

    def factor(self, lane: Ints, t: Floats) -> Floats:
        factor = 1 + self.amplitude[lane] * np.sin(self.speed[lane] * t + self.phase[lane])
        return np.maximum(factor, 0.0)  # amplitude 1 may round below

    def area(self, lane: Ints, t: Floats) -> Floats:
        cosine = np.cos(self.speed[lane] * t + self.phase[lane])
        return t + self._origin[lane] - self._swing[lane] * cosine

    def peak(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        highest = np.maximum(self.factor(lane, start), self.factor(lane, end))
        return np.where(self._passes(0.25, lane, start, end), 1 + self.amplitude[lane], highest)

    def trough(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        lowest = np.minimum(self.factor(lane, start), self.factor(lane, end))
        return np.where(self._passes(0.75, lane, start, end), 1 - self.amplitude[lane], lowest)

    def _passes(self, part: float, lane: Ints, start: Floats, end: Floats) -> Bools:
        """(n,) whether this part of a turn lies between the two times."""
        turns = (self.speed[lane] * np.array([start, end]) + self.phase[lane]) / TURN - part
        passes: Bools = np.floor(turns[1]) >= np.ceil(turns[0])
        return passes


class Pieces:
    """Constant on pieces of one length per lane: ``steps`` and ``walk``.

    The pieces are computed from their numbers as far as they are needed, and kept as their
    cumulated areas: (lanes, pieces + 1).
    """

    def __init__(self, keys: Words, amplitude: Floats, length: Floats, offset: Floats) -> None:
        self.amplitude = amplitude
        self.length = length  # seconds
        self.offset = offset  # of t = 0 in the first piece, as a part of its length
        self._keys = keys
        self._extend(64)
        self._missed = offset * self._areas[:, 1]  # of the first piece, before t = 0

    def deviations(self, numbers: Floats) -> Floats:
        """(lanes, pieces) in -1 .. 1, from as many uniform numbers."""
        return 2 * numbers - 1

    def factor(self, lane: Ints, t: Floats) -> Floats:
        piece, _ = self._place(lane, t)
        return self._factors(lane, piece)

    def area(self, lane: Ints, t: Floats) -> Floats:
        piece, part = self._place(lane, t)
        before = self._areas[lane, piece]
        return before + part * (self._areas[lane, piece + 1] - before) - self._missed[lane]

    def peak(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return self._reduced(np.maximum, lane, start, end)

    def trough(self, lane: Ints, start: Floats, end: Floats) -> Floats:
        return self._reduced(np.minimum, lane, start, end)

    def _reduced(
        self, extreme: Callable[[Floats, Floats], Floats], lane: Ints, start: Floats, end: Floats
    ) -> Floats:
        """(n,) the extreme factor of all pieces between two times."""
        first, last = self._place(lane, start)[0], self._place(lane, end)[0]
        found = self._factors(lane, first)
        for step in range(1, int((last - first).max(initial=0)) + 1):
            found = extreme(found, self._factors(lane, np.minimum(first + step, last)))
        return found

    def _place(self, lane: Ints, t: Floats) -> tuple[Ints, Floats]:
        """The number of the piece that each time is in, and how much of it has passed."""
        place = t / self.length[lane] + self.offset[lane]
        piece = place.astype(np.intp)
        if (most := int(piece.max(initial=0))) + 1 >= self._areas.shape[1]:
            self._extend(2 * (most + 32))
        return piece, place - piece

    def _factors(self, lane: Ints, piece: Ints) -> Floats:
        return (self._areas[lane, piece + 1] - self._areas[lane, piece]) / self.length[lane]

    def _extend(self, pieces: int) -> None:
        lanes = len(self._keys)
        self._areas = np.zeros((lanes, pieces + 1))
        for first in range(0, lanes, 1024):  # what lies in between shall not need much memory
            some = slice(first, first + 1024)
            numbers = uniform(self._keys[some, None], np.arange(pieces))
            factors = 1 + self.amplitude[some, None] * self.deviations(numbers)
            np.cumsum(factors * self.length[some, None], axis=1, out=self._areas[some, 1:])


class Walk(Pieces):
    """A random walk reflected at both ends of its range, where it starts anywhere.

    20 steps in each period, each uniform in +- sqrt(3 / 20) of half the range: in a period the
    walk gets about half the range away from where it was.
    """

    def deviations(self, numbers: Floats) -> Floats:
        reach = np.sqrt(3 / STEPS_OF_A_WALK)
        moves = reach * (2 * numbers - 1)
        moves[:, 0] /= reach
        free = np.cumsum(moves, axis=1)
        folded: Floats = np.abs((free - 1) % 4 - 2) - 1  # as often as it takes
        return folded


def drawn(spec: Moves, keys: Callable[[str], Words]) -> Motion:
    """The motion that chance makes of ``spec``; ``keys`` of a purpose are those of its streams."""
    amplitude, period, phase = (
        uniform(keys(purpose).ravel(), 0) for purpose in ("amplitude", "period", "phase")
    )
    amplitude, period = between(spec.amplitude, amplitude), between(spec.period, period)
    if spec.kind == "sinusoid":
        return Sinusoid(amplitude, period, TURN * phase)
    each = keys("motion").ravel()
    if spec.kind == "steps":
        return Pieces(each, amplitude, period, phase)
    return Walk(each, amplitude, period / STEPS_OF_A_WALK, phase)


def between(ends: tuple[float, float], numbers: Floats) -> Floats:
    """Numbers between 0 and 1, moved to lie between these ends."""
    return ends[0] + numbers * (ends[1] - ends[0])
