"""Answers that wait for another one to the same question, and what people say of the two."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints, Preference
from flaky_load_balancer.simulation.worlds.paired import Paired, question

NOBODY = -1


class Pairs:
    """The first answers of R replications to every question, until the second is there."""

    def __init__(self, world: Paired, replications: int, requests: int) -> None:
        shape = replications, question(np.array([requests])).item() + 1
        self.world = world
        self.arm = np.full(shape, NOBODY, dtype=np.intp)
        self.value: Floats = np.zeros(shape)

    def answered(
        self, rows: Ints, now: Floats, count: Ints, arm: Ints, value: Floats
    ) -> Preference | None:
        """What is said of pairs that n answers complete; nothing of a server against itself."""
        asked = question(count)
        other, its = self.arm[rows, asked], self.value[rows, asked]
        self.arm[rows, asked], self.value[rows, asked] = arm, value
        both = np.flatnonzero((other != NOBODY) & (other != arm))
        if not both.size:
            return None
        rows, arm, other, count = (each.take(both) for each in (rows, arm, other, count))
        liked = self.world.prefers(rows, count, (value - its).take(both))
        better, worse = np.where(liked, arm, other), np.where(liked, other, arm)
        features = self.world.features(rows, count)
        return Preference(rows, now.take(both), better, worse, features)
