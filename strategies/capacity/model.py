"""The model of all limits: what is known, without how it is learnt (``learning``) and used.

Servers of one fleet are mostly limited in the same way, each with a limit of its own: so there is
one posterior over limiters for each fleet, and an interval for each server under each limiter.
"""

import numpy as np

from strategies.capacity.admissions import Admissions
from strategies.capacity.calibration import Calibration
from strategies.capacity.intervals import Intervals
from strategies.capacity.limiters import Limiters
from strategies.capacity.pauses import Pauses
from strategies.capacity.posterior import Posterior


class Model:
    """Of R x K servers; lane = row x K + arm."""

    def __init__(self, replications: int, arms: int, *, drift: float) -> None:
        self.arms, lanes = arms, replications * arms
        self.admissions = Admissions(lanes)
        self.limiters = Limiters(replications, arms, self.admissions)
        self.intervals = Intervals(lanes)
        self.posterior = Posterior(replications)
        self.calibration = Calibration(replications, arms, drift)
        self.pauses = Pauses(lanes)
        self.limited = np.zeros(lanes, dtype=bool)  # servers that ever refused; others have none
