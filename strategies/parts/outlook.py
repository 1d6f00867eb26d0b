"""When each server will admit, as far as one can tell: what ``Capacity`` answers."""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.types import Bools, Floats
from strategies.parts.spacing import chance

JUST = 1e-6  # seconds


@dataclass
class Outlook:
    """Forecasts for n requests and K servers; everything is (n, K) and in seconds from now."""

    limited: Bools  # it refused once: all else holds only for these
    trust: Floats  # the share of forecasts that came true
    asked: Floats  # until when it asked us to stay away (``Retry-After``)
    age: Floats  # of the admission that the next one must keep its distance from
    low: Floats  # the ages between which the chance of admission
    high: Floats  # rises from 0 to 1
    room: Floats | None = None  # the chance of admission in this window; NaN without windows
    room_then: Floats | None = None  # and in one that begins
    then: Floats | None = None  # in so many seconds

    def wait(self, share: float) -> Floats:
        """(n, K) seconds until the chance of admission, trust apart, is at least this share."""
        wait = self.low * (self.high / self.low) ** share - self.age
        if self.room is not None and self.then is not None:
            in_window = np.where(self.room > 1.0 - JUST, 0.0, self.then)
            wait = np.where(np.isnan(self.room), wait, in_window)
        return np.where(self.limited, np.maximum(np.maximum(wait, self.asked), 0.0), 0.0)

    def chance(self, wait: Floats | float) -> Floats:
        """(n, K) the chance of admission after so many seconds."""
        p = chance(self.age + wait, self.low, self.high)
        if self.room is not None and self.room_then is not None and self.then is not None:
            arrived = np.asarray(wait) >= self.then - JUST
            later = np.where(arrived, np.maximum(self.room_then, self.room), self.room)
            p = np.where(np.isnan(self.room), p, later)
        p = p * np.clip(1.0 + wait - self.asked, 0.0, 1.0)  # whole seconds: it may be sooner
        return np.where(self.limited, p * self.trust, 1.0)
