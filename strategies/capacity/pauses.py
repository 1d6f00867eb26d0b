"""How long a server is left alone after refusals, whatever its limiter is believed to be.

Refusals of attempts that were expected to be admitted double a pause (exponential backoff): where
every model is wrong they still end a stream of refusals.  ``Retry-After`` is a whole number of
seconds, rounded up, so that the true time may be up to one second earlier.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints

FIRST, LONGEST = 0.02, 10.0  # seconds; at most 1 s brought 15 points of 345 on fast tides and cost
# elsewhere (decision 7)
MOST_DOUBLINGS = 20  # of the first pause, so that powers stay small


class Pauses:
    """Of each server: ``refused_at`` (-inf where it admitted since) and what it asked for.

    ``refused_size`` is that of the last attempt that was refused: a smaller one may be admitted.
    """

    def __init__(self, lanes: int) -> None:
        self.refused_at: Floats = np.full(lanes, -np.inf)
        self.retry_at: Floats = np.full(lanes, -np.inf)  # as ``Retry-After`` says
        self.refused_size: Floats = np.zeros(lanes)
        self.in_a_row = np.zeros(lanes, dtype=np.intp)  # refusals that nobody expected
        self.expected = np.ones(lanes, dtype=bool)  # that the last attempt would be admitted

    def ask(self, lane: Ints, until: Floats) -> None:
        """Servers refused and said when to come again, NaN where they did not."""
        self.retry_at[lane] = np.fmax(self.retry_at[lane], until)

    def learn(self, lane: Ints, sent: Floats, refused: Bools) -> None:
        """Attempts were refused, or not."""
        latest = np.maximum(self.refused_at.take(lane), sent)
        self.refused_at[lane] = np.where(refused, latest, -np.inf)
        more = self.in_a_row.take(lane) + self.expected.take(lane)
        self.in_a_row[lane] = np.where(refused, more, 0)

    def smaller(self, lane: Ints, size: Floats) -> Bools:
        """(n,) whether attempts are smaller than those that servers refused."""
        smaller: Bools = size < self.refused_size.take(lane)
        return smaller

    def bound(
        self, lane: Ints, ready: Floats, last: Floats, chance: Floats, free: Bools | None = None
    ) -> Floats:
        """(n, Q) ready times that are no earlier than pauses end, in place; but for ``free`` (n,).

        ``last`` (n,) is the newest admission before the attempt; the surer an admission is to be,
        the more of a pause is waited for.  The first attempt after a refusal that said when is
        never later than it said, whatever the limiters say.
        """
        refused_at, retry_at = self.refused_at.take(lane), self.retry_at.take(lane)
        if free is not None:
            refused_at[free] = retry_at[free] = -np.inf
        doublings = np.minimum(self.in_a_row.take(lane), MOST_DOUBLINGS) - 1.0
        pause = np.where(doublings >= 0, np.minimum(FIRST * 2.0**doublings, LONGEST), 0.0)
        earliest = np.maximum(last[:, None], refused_at[:, None] + pause[:, None] * chance)
        earliest = np.maximum(earliest, retry_at[:, None] - 1.0 + chance)
        np.maximum(ready, earliest, out=ready)
        first = (retry_at >= refused_at) & (last <= refused_at)
        np.minimum(ready, np.where(first, retry_at, np.inf)[:, None], out=ready)
        return ready
