"""Capacity: when each server will admit the next attempt, learnt from what it admitted and refused.

Four views are put together.  ``Spacing`` fits any limit roughly, at once.  ``Windows`` and
``Allowance`` fit fixed windows exactly, once all servers together have shown their length.
``Retry-After``, where a server says it, overrides both: whole seconds, rounded up, so within the
last of them the chance rises from 0 to 1.  ``Honour`` says how far a server's forecasts have been
true.  A server that never refused is taken to have no limit.
"""

import numpy as np

from flaky_load_balancer.types import Feedback, Floats, Ints
from strategies.parts.allowance import Allowance
from strategies.parts.counts import REFUSED
from strategies.parts.honour import Honour
from strategies.parts.ledger import Ledger
from strategies.parts.outlook import Outlook
from strategies.parts.spacing import COUNTS, Spacing, chance
from strategies.parts.windows import Windows


class Capacity:
    """Everything that is known of R x K limits."""

    def __init__(self, replications: int, arms: int, *, drift: float, growth: float) -> None:
        self.arms = np.arange(arms)
        self.ledger = Ledger(replications, arms)
        self.spacing = Spacing(replications, arms, drift=drift, growth=growth)
        self.windows = Windows(replications, arms)
        self.allowance = Allowance(self.windows, replications, arms)
        self.honour = Honour(replications, arms)
        self.limited = np.zeros((replications, arms), dtype=bool)
        self.asked: Floats = np.full((replications, arms), -np.inf)  # not to come before

    def enter(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """Attempts are sent, or promised, for these times."""
        self.windows.begin(rows, time)
        self.ledger.enter(rows, arm, time)
        self.allowance.count(rows, arm, time, 1.0)

    def strike(self, rows: Ints, arm: Ints, time: Floats) -> None:
        """They are not: what was entered is taken back."""
        self.ledger.strike(rows, arm, self.ledger.rank(rows, arm, time))
        self.allowance.count(rows, arm, time, -1.0)

    def learn(self, feedback: Feedback) -> None:
        """An attempt that nobody answered in time counts as admitted, and teaches nothing."""
        heard = np.flatnonzero(feedback.outcome <= REFUSED)
        if not heard.size:
            return
        rows, arm, now = feedback.rows[heard], feedback.arm[heard], feedback.now[heard]
        refused = feedback.outcome[heard] == REFUSED
        self._test(rows, arm, now - feedback.latency[heard], refused)
        if np.count_nonzero(refused):
            at = rows[refused], arm[refused]
            self.strike(*at, (now - feedback.latency[heard])[refused])
            self.limited[at] = True
            until = (now + feedback.retry_after[heard])[refused]
            self.asked[at] = np.fmax(self.asked[at], until)

    def outlook(self, rows: Ints, now: Floats) -> Outlook:
        """What can be expected of every server by n requests, all other promises kept."""
        row, arm = rows[:, None], self.arms[None, :]
        limited = self.limited.take(rows, 0)
        count, low, high = self.spacing.interval(row, arm, now[:, None])
        age = np.minimum(now[:, None] - self.ledger.times[row, arm, count - 1], 1e6)
        asked = self.asked.take(rows, 0) - now[:, None]
        outlook = Outlook(limited, self.honour.of(rows), asked, age, low, high)
        if not np.isnan(self.windows.length[rows]).all():
            row, arm = np.broadcast_arrays(row, arm)
            wide = np.broadcast_to(now[:, None], row.shape)
            outlook.room = self.allowance.chance(row, arm, wide)
            start, outlook.room_then = self.allowance.next_room(row, arm, wide)
            outlook.then = np.maximum(start - wide, 0.0)
        return outlook

    def rate(self, rows: Ints, now: Floats) -> Floats:
        """(n, K) admissions per second, infinite where no limit was met."""
        row, arm = rows[:, None], self.arms[None, :]
        count, low, high = self.spacing.interval(row, arm, now[:, None])
        rate = count / np.sqrt(low * high)
        length = self.windows.length[rows][:, None]
        limit = self.allowance.limit[rows]
        rate = np.where(limit < np.inf, np.where(np.isnan(length), rate, limit / length), rate)
        return np.where(self.limited[rows], rate, np.inf)

    def redeem(self, rows: Ints, arm: Ints, time: Floats, now: Floats) -> Floats:
        """Take promises back; (n,) the chance of admission now of those who had them."""
        count, low, high = self.spacing.interval(rows, arm, now)
        rank = self.ledger.rank(rows, arm, time)
        age = np.minimum(now - self.ledger.before(rows, arm, rank, count), 1e6)
        self.strike(rows, arm, time)
        room = self.allowance.chance(rows, arm, now)
        p = np.where(np.isnan(room), chance(age, low, high), room)
        p = p * np.clip(1.0 - (self.asked[rows, arm] - now), 0.0, 1.0)
        return np.where(self.limited[rows, arm], p, 1.0)

    def _test(self, rows: Ints, arm: Ints, sent: Floats, refused: np.ndarray) -> None:
        """Compare each answer with what was expected."""
        rank = self.ledger.rank(rows, arm, sent)
        before = self.ledger.before(rows[:, None], arm[:, None], rank[:, None], COUNTS[None, :])
        expected = self.spacing.learn(rows, arm, sent, sent[:, None] - before, refused)
        self.honour.learn(rows, arm, expected, refused)
        self.allowance.learn(rows, arm, sent, refused)
        self.allowance.forget(self.windows.learn(rows, arm, sent, refused, expected))
