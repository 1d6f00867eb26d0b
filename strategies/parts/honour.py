"""How often a server that was believed to admit did: the trust that forecasts of it deserve."""

import numpy as np

from flaky_load_balancer.types import Bools, Floats, Ints

PRIOR = 4.0  # answers as expected, before any was heard
MEMORY = 0.9
CERTAIN = 0.9  # forecasts below this one prove nothing


class Honour:
    """Weights (R, K) of forecasts: those that came true, ``kept``, and ``all``."""

    def __init__(self, replications: int, arms: int) -> None:
        self.kept: Floats = np.full((replications, arms), PRIOR)
        self.all: Floats = np.full((replications, arms), PRIOR)

    def learn(self, rows: Ints, arm: Ints, expected: Floats, refused: Bools) -> None:
        sure = np.flatnonzero(expected > CERTAIN)
        if sure.size:
            at = rows[sure], arm[sure]
            self.kept[at] = _fade(self.kept[at]) + ~refused[sure]
            self.all[at] = _fade(self.all[at]) + 1.0

    def of(self, rows: Ints) -> Floats:
        """(n, K) the share of forecasts that came true."""
        return self.kept.take(rows, 0) / self.all.take(rows, 0)


def _fade(weight: Floats) -> Floats:
    """Forget, towards the prior."""
    return MEMORY * weight + (1.0 - MEMORY) * PRIOR
