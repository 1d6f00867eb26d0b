"""With which probability each attempt under way was chosen: learning from it may need that."""

from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.types import Context, Feedback, Floats, Ints

REMEMBERED = 256  # attempts of each replication
ATTEMPTS = 16  # numbers of attempts that one request keeps apart


class Propensity:
    """A table of the latest attempts, each in the place that its number leads to."""

    transient: ClassVar = ("key", "chance")

    def __init__(self, replications: int) -> None:
        self.key = np.full((replications, REMEMBERED), -1, dtype=np.int64)
        self.chance: Floats = np.full((replications, REMEMBERED), np.nan)

    def note(self, context: Context, probability: Floats) -> None:
        """Attempts are sent that were chosen with these probabilities (n,)."""
        key, place = _numbered(context.request, context.attempt)
        self.key[context.rows, place] = key
        self.chance[context.rows, place] = probability

    def of(self, feedback: Feedback, usual: Floats) -> Floats:
        """(n,) those probabilities; of attempts of a replica, and forgotten ones, ``usual``."""
        key, place = _numbered(feedback.request, feedback.attempt)
        mine = self.key[feedback.rows, place] == key
        chance = self.chance[feedback.rows, place]
        return np.where(mine & ~np.isnan(chance), chance, usual)


def _numbered(request: Ints, attempt: Ints) -> tuple[Ints, Ints]:
    key = request * ATTEMPTS + attempt % ATTEMPTS
    return key, key % REMEMBERED
