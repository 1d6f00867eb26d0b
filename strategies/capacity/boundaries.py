"""Where fixed windows begin: the length and phase of windows that all servers of a fleet share.

For each cell of lengths there is a hypothesis: windows of a length in this cell, one of which began
at ``anchor``.  Both are intervals.  A refusal at a and the next admission by the same server, at b,
tell that a window began in (a, b].  Where only one whole number of windows since the anchor fits,
both intervals shrink to what fits; where none does the hypothesis was wrong, and starts again from
this bracket.  At first the anchor is the first attempt of the run.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints

SLACK = 1e-6  # seconds


class Boundaries:
    """Intervals (R, G): ``short`` to ``long`` seconds of length, ``early`` to ``late`` anchor."""

    def __init__(self, replications: int, lengths: Floats) -> None:
        ratio = np.sqrt(lengths[1] / lengths[0])
        self.cell = lengths / ratio, lengths * ratio
        shape = replications, len(lengths)
        self.short: Floats = np.broadcast_to(self.cell[0], shape).copy()
        self.long: Floats = np.broadcast_to(self.cell[1], shape).copy()
        self.early: Floats = np.full(shape, np.nan)
        self.late: Floats = np.full(shape, np.nan)
        self.begun = False

    def begin(self, rows: Ints, now: Floats) -> None:
        """Something is sent: the first time ever, perhaps."""
        if self.begun:
            return
        fresh = np.isnan(self.early[rows, 0])
        rows, now = rows[fresh], now[fresh]
        self.early[rows] = self.late[rows] = now[:, None]
        self.begun = not np.isnan(self.early[:, 0]).any()

    def age(self, rows: Ints, time: Floats) -> tuple[Floats, Bools]:
        """(n, G) for how long the window of each time has lasted, and whether that is sure."""
        short, long, early, late = (
            each.take(rows, 0) for each in (self.short, self.long, self.early, self.late)
        )
        time = time[:, None]
        most = np.floor((time - early) / short)
        least = np.floor((time - late) / long)
        length, anchor = 0.5 * (short + long), 0.5 * (early + late)
        since = time - anchor
        return since - np.floor(since / length + 1e-7) * length, most == least

    def next(self, rows: Ints, cell: Ints, time: Floats) -> tuple[Floats, Floats, Floats]:
        """When the window of each time began; between which times the next one begins."""
        at = rows * self.short.shape[1] + cell
        short, long, early, late = (
            each.take(at) for each in (self.short, self.long, self.early, self.late)
        )
        length, anchor = 0.5 * (short + long), 0.5 * (early + late)
        number = np.floor((time - anchor) / length + 1e-7)
        after = np.maximum(number + 1.0, 0.0)
        first, last = early + after * short, late + after * long
        middle, half = 0.5 * (first + last), np.minimum(0.5 * (last - first), 0.5 * length)
        return anchor + number * length, middle - half, middle + half

    def learn(self, rows: Ints, refused: Floats, admitted: Floats) -> None:
        """In each of n rows a window began between two times."""
        a, b = refused[:, None] - SLACK, admitted[:, None] + SLACK
        short, long, early, late = (
            each.take(rows, 0) for each in (self.short, self.long, self.early, self.late)
        )
        least, most = np.floor((a - late) / long) + 1.0, np.floor((b - early) / short)
        lost = least > most
        vague = ~lost & (least < most) & (b - a < 0.3 * short) & (long > 1.1 * short)
        unique = (least == most) & (most >= 0)
        later = unique & (most > 0)
        n = np.where(later, most, 1.0)
        self.short[rows] = np.where(later, np.maximum(short, (a - late) / n), short)
        self.long[rows] = np.where(later, np.minimum(long, (b - early) / n), long)
        n = np.where(unique, most, 0.0)
        self.early[rows] = np.where(unique, np.maximum(early, a - n * long), early)
        self.late[rows] = np.where(unique, np.minimum(late, b - n * short), late)
        again = lost | vague
        if np.count_nonzero(again):
            i, g = np.nonzero(again)
            at = rows[i], g
            self.early[at], self.late[at] = a[i, 0], b[i, 0]
            self.short[at], self.long[at] = self.cell[0][g], self.cell[1][g]
