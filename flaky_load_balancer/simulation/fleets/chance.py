"""Chance as a function: the n-th number of a stream is computed, not drawn.

A generator with state makes the n-th draw depend on who drew before.  Here it depends on
(seed, replication, scenario, server, purpose, n) alone, so a fleet is the same on other ports, in
another process, for another strategy, and as one of a thousand replications.  A stream is
SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) started at a key of 64 well mixed bits.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flaky_load_balancer.core.types import Bools, Floats, Ints

Words = NDArray[np.uint64]

_WORD = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_KEPT = 1 << 16  # numbers that all streams together keep
_27, _30, _31, _12 = (np.uint64(bits) for bits in (27, 30, 31, 12))


def seeds(seed: int, replications: int, first: int = 0) -> Words:
    """(R,) the seeds of replications ``first``, ``first + 1``, ... of a comparison of this seed.

    Each is a hash of (seed, replication): two comparisons of different seeds have no fleet in
    common, and a replication's fleet is the same alone or among others.
    """
    start = _mixed(np.array([seed & _WORD], dtype=np.uint64) + _GOLDEN)
    numbers = np.arange(first, first + replications).astype(np.uint64)
    return _mixed(start + (numbers * _GOLDEN + _GOLDEN))


def key(seed: Words, scenario: str, server: ArrayLike, purpose: str) -> Words:
    """Where the stream of one purpose starts, for each of these seeds and servers (broadcast)."""
    text = f"{scenario}\0{purpose}".encode()
    name = np.uint64(int.from_bytes(blake2b(text, digest_size=8).digest(), "little"))
    of_seed = _mixed(_mixed(np.atleast_1d(seed) + _GOLDEN) ^ name)
    return _mixed(of_seed + _mixed(np.atleast_1d(server).astype(np.uint64) * _GOLDEN + _GOLDEN))


def uniform(key: Words, counter: ArrayLike) -> Floats:
    """The number at ``counter`` (0 or more) of each stream: uniform, strictly inside (0, 1)."""
    steps = np.atleast_1d(counter).astype(np.uint64) * _GOLDEN
    bits = _mixed(steps + (key + _GOLDEN))
    bits >>= _12
    numbers: Floats = (bits.astype(np.float64) + 0.5) * 2.0**-52
    return numbers


def normal(numbers: Floats) -> Floats:
    """Standard normal numbers from as many uniform ones (Box and Muller 1958).

    The two numbers that it takes are the upper and the lower 26 bits of one.
    """
    upper, lower = np.divmod(numbers * 2.0**26, 1.0)
    radius: Floats = np.sqrt(-2 * np.log((upper + 0.5) * 2.0**-26))
    return radius * np.cos(2 * np.pi * lower)


def _mixed(word: Words) -> Words:
    """SplitMix64's finaliser: every bit of the word changes about half of the answer's.

    Works on arrays only: there the product wraps around in silence, as it must.
    """
    word = word ^ (word >> _30)
    word *= _FIRST
    word ^= word >> _27
    word *= _SECOND
    word ^= word >> _31
    return word


class Streams:
    """The numbers of many streams, each read in order from counter 0, computed some way ahead.

    Hashing one number costs about as much as hashing a hundred, and a live server asks for one
    at a time: some numbers of every stream are kept, already shaped by ``shape``, the more of
    them the fewer streams there are.
    """

    def __init__(self, keys: Words, shape: Callable[[Ints, Floats], Floats]) -> None:
        """``shape`` makes of streams (m, 1) and their uniform numbers (m, width) what is read."""
        self._keys = keys.ravel()
        self._shape = shape
        self._ahead = max(8, min(64, _KEPT // keys.size))
        self._width = width = 2 * self._ahead
        self._first = np.zeros(len(self._keys), dtype=np.intp)  # the counter of column 0
        self._start = np.arange(len(self._keys)) * width
        self._place = self._start.copy()  # of the next number, in the flattened table
        self._table = np.empty(len(self._keys) * width)
        self._calls = 0
        self._compute(np.arange(len(self._keys)))

    @property
    def read(self) -> Ints:
        """(streams,) how many numbers of each have been used."""
        return self._first + self._place - self._start

    def next(self, which: Ints, used: Bools | Literal[1] = 1) -> Floats:
        """(n,) the next number of n distinct streams; where not ``used`` it stays the next one."""
        place = self._place[which]
        numbers = self._table[place]
        self._place[which] = place + used
        self._calls += 1
        if self._calls == self._ahead:  # no stream can have run out earlier
            self._calls = 0
            self._compute(np.flatnonzero(self._place - self._start >= self._ahead))
        return numbers

    def _compute(self, which: Ints) -> None:
        """Fill the table of these streams from their next number on."""
        if not len(which):
            return
        first = self.read[which]
        self._first[which] = first
        self._place[which] = self._start[which]
        counters = first[:, None] + np.arange(self._width)
        numbers = self._shape(which[:, None], uniform(self._keys[which, None], counters))
        self._table.reshape(-1, self._width)[which] = numbers
