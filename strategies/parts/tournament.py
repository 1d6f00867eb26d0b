"""The largest of many numbers, found and changed without looking at all of them.

A tree of two levels: K servers in about sqrt(K) blocks, of each of which the largest value is kept.
"""

from math import ceil, sqrt
from typing import NamedTuple, Self

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


class Tournament(NamedTuple):
    """Over ``values`` (R, K), which somebody else keeps and nobody else changes."""

    values: Floats
    largest: Floats  # (R, blocks)
    members: Ints  # (blocks, width) the last server again where the last block is not full

    @classmethod
    def over(cls, values: Floats) -> Self:
        arms = values.shape[1]
        width = ceil(sqrt(arms))
        members = np.minimum(np.arange(ceil(arms / width) * width), arms - 1).reshape(-1, width)
        return cls(values, values[:, members].max(axis=2), members)

    def leaders(self, row: int, count: int) -> Ints:
        """The ``count`` servers with the largest values of a replication, in any order.

        They are in as many blocks, at most.  The last server may come more than once.
        """
        blocks = _largest(self.largest[row], count)
        arms = self.members[blocks].ravel()
        return arms[_largest(self.values[row].take(arms), count)]

    def put(self, row: int, arms: Ints, values: Floats) -> None:
        """Servers have other values now."""
        mine, blocks = self.values[row], arms // self.members.shape[1]
        mine[arms] = values
        self.largest[row, blocks] = mine.take(self.members[blocks]).max(axis=1)

    def lead(self, row: int, arm: int, value: float) -> None:
        """A server has a value that is not exceeded by any."""
        self.values[row, arm] = self.largest[row, arm // self.members.shape[1]] = value


def _largest(values: Floats, count: int) -> Ints:
    """The places of the ``count`` largest values, or of all."""
    if count >= len(values):
        return np.arange(len(values))
    return values.argpartition(-count)[-count:]
