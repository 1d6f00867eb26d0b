"""The model of all limits: what is known, without how it is learnt (``learning``) and used.

Servers of one fleet are mostly limited in the same way, each with a limit of its own: so there is
one posterior over limiters for each fleet, and an interval for each server under each limiter.
Where sizes are known, there may be two limits: of requests and of tokens (``units``).
"""

import numpy as np

from strategies.capacity.admissions import Admissions
from strategies.capacity.calibration import Calibration
from strategies.capacity.intervals import Intervals
from strategies.capacity.limiters import Limiters
from strategies.capacity.pauses import Pauses
from strategies.capacity.posterior import Posterior
from strategies.capacity.tokens import TokenLimiters
from strategies.capacity.units import Units


class Limits:
    """What is known of the limits in one unit."""

    def __init__(self, replications: int, limiters: Limiters, *between: float) -> None:
        self.limiters = limiters
        self.intervals = Intervals(len(limiters.admissions.times), *between)
        self.posterior = Posterior(replications)


class Model:
    """Of R x K servers; lane = row x K + arm."""

    def __init__(
        self, replications: int, arms: int, *, drift: float, between: tuple[float, ...] = ()
    ) -> None:
        self.arms, lanes = arms, replications * arms
        self.admissions = Admissions(lanes)
        shape = replications, arms, self.admissions
        self.requests = Limits(replications, Limiters(*shape), *between)
        self.tokens = Limits(replications, TokenLimiters(*shape))
        self.units = Units(replications)
        self.calibration = Calibration(replications, arms, drift)
        self.pauses = Pauses(lanes)
        self.limited = np.zeros(lanes, dtype=bool)  # servers that ever refused; others have none
