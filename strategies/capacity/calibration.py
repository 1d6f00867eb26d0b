"""How far forecasts of admissions came true: how fast limits move, and how far to trust them."""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints

SURPRISE = 0.15  # an answer that was less likely is a surprise: x 0.5 and x 2 in decision 17
FADE = 0.99  # of surprises, per answer of a fleet
PRIOR_SURPRISES, PRIOR_SECONDS = 0.12, 20.0  # as if so many had been seen in so long, at first
MOST_WIDER = 2.0  # an interval widens by no more at once: e^2 times the limit
LONGEST_REST = 5.0  # seconds of one server's silence that count, so that idle ones do not
CERTAIN = 0.9  # forecasts above it are what ``trust`` is the record of
# Forecasts that came true before any was tested, and their share of the memory of 10.  Without
# trust T3-tide is at 2.2 instead of 0.48 (decision 7).
PRIOR_TRUE = 4.0
FORGET = 0.1  # of the record of trust, per certain forecast


class Calibration:
    """Surprises of R fleets, and for each of their servers the certain forecasts that held."""

    def __init__(self, replications: int, arms: int, drift: float) -> None:
        self.arms, self.drift, lanes = arms, drift, replications * arms
        self.surprises: Floats = np.zeros(replications)
        self.exposure: Floats = np.zeros(replications)  # seconds in which they could happen
        self.held: Floats = np.full(lanes, PRIOR_TRUE)
        self.tested: Floats = np.full(lanes, PRIOR_TRUE)
        self.heard_at: Floats = np.full(lanes, np.inf)  # when the last attempt was sent

    def wider(self, rows: Ints, lane: Ints, sent: Floats) -> tuple[Floats, Floats]:
        """(n,) by how much time has widened intervals, and the seconds since the last answer."""
        rest = np.maximum(sent - self.heard_at.take(lane), 0.0)
        surprises = self.surprises.take(rows) + PRIOR_SURPRISES
        exposure = self.exposure.take(rows) + PRIOR_SECONDS
        return np.minimum(self.drift * surprises / exposure * rest, MOST_WIDER), rest

    def learn(self, rows: Ints, p: Floats, rest: Floats, refused: Bools) -> None:
        """Admissions that had the chance ``p`` (n,) were refused or not."""
        happened = np.where(refused, 1.0 - p, p)
        self.surprises[rows] = FADE * self.surprises.take(rows) + (happened < SURPRISE)
        exposure = np.minimum(rest, LONGEST_REST)
        self.exposure[rows] = FADE * self.exposure.take(rows) + exposure

    def test(self, lane: Ints, refused: Bools) -> None:
        """Certain forecasts of admission came true, or not."""
        self.held[lane] = (1 - FORGET) * self.held[lane] + FORGET * PRIOR_TRUE + ~refused
        self.tested[lane] = (1 - FORGET) * self.tested[lane] + FORGET * PRIOR_TRUE + 1.0

    def trust(self, rows: Ints) -> Floats:
        """(n, K) the share of certain forecasts that came true."""
        held, tested = self.held.reshape(-1, self.arms), self.tested.reshape(-1, self.arms)
        trust: Floats = held.take(rows, 0) / tested.take(rows, 0)
        return trust
