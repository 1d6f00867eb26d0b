"""Texts that are alike: k-means on their hashed words, learnt from the texts as they come.

Source: MacQueen 1967 (each text moves the centre nearest to it by 1 / its count), on unit vectors,
with a floor under the step so that centres follow texts that change.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.features.words import Words, unit_hash

SIZE = 64  # numbers of the hashed words
SLOWEST = 0.005  # the least part of the way that a centre goes towards a text


class Clusters:
    """``count`` centres; the first texts that differ become the first centres."""

    def __init__(self, count: int) -> None:
        self.names = [f"cluster={place}" for place in range(count)]
        self.centres = np.zeros((count, SIZE))
        self.seen = np.zeros(count, dtype=np.intp)

    def of(self, text: str, words: Words) -> Floats:  # noqa: ARG002
        """(count,) 1 at the place of the nearest centre, which moves towards the text."""
        vector = unit_hash(words, SIZE)
        place = self._nearest(vector)
        self.seen[place] += 1
        step = max(1.0 / self.seen[place], SLOWEST)
        self.centres[place] += step * (vector - self.centres[place])
        one_hot = np.zeros(len(self.names))
        one_hot[place] = 1.0
        return one_hot

    def _nearest(self, vector: Floats) -> int:
        likeness = self.centres @ vector
        empty = np.flatnonzero(self.seen == 0)
        if empty.size and (empty.size == len(self.seen) or likeness.max() < 0.5):
            return int(empty[0])
        norm = np.linalg.norm(self.centres, axis=1)
        return int(np.where(self.seen > 0, likeness / np.maximum(norm, 1e-12), -np.inf).argmax())
