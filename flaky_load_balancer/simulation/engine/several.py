"""Several attempts of one request at once, in virtual time.

A request has a column of its own, and each attempt beside its first takes another one: first for
the wish to send it (``Action.beside``), then for the attempt.  Only such requests are played here,
one after the other; the rest of a batch is ``Lockstep``'s.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints, Outcome

if TYPE_CHECKING:
    from flaky_load_balancer.simulation.engine.lockstep import Lockstep

Array = TypeVar("Array", bound=np.ndarray[Any, Any])

BESIDE = -2  # what a request reports that wants another attempt beside those under way
NOBODY = -1
SUCCEEDED, _, REFUSED, CANCELLED = map(int, Outcome)


class Several:
    """Whose attempt, or wish for one, each column has, as far as it is one of several."""

    def __init__(self, game: "Lockstep") -> None:
        self.game = game
        self.any = False  # was ever wished for
        self.owner = np.full(len(game.due), NOBODY)  # the column of the request
        self.number = np.zeros(len(game.due), dtype=np.intp)  # of the attempt

    def plan(self, rows: Ints, column: Ints, now: Floats, beside: Floats) -> None:
        """Another attempt is wanted beside those of n requests, ``beside`` (n,) seconds later."""
        game, wanted = self.game, np.flatnonzero(beside < np.inf)
        if not wanted.size:
            return
        self.any = True
        rows, column = rows.take(wanted), column.take(wanted)
        if game.free.short(rows):
            game.grow()
        own = game.free.take(rows)
        at = game.first.take(rows) + own
        game.due[at] = now.take(wanted) + beside.take(wanted)
        game.report[at] = BESIDE
        game.since[at] = game.passes + 1  # after the end of an attempt that takes no time
        self.owner[at] = self.owner[game.first.take(rows) + column] = column

    def end(self, rows: Ints, column: Ints, now: Floats) -> Ints:
        """Play the events of requests with several attempts, in ``column`` (R,) at ``now`` (R,).

        (m,) rows whose requests have one attempt left, which ends: ``column`` is the request's.
        """
        usual, wishes = [], []
        for row in rows.tolist():
            own, first = int(column[row]), int(self.game.first[row])
            base = int(self.owner[first + own])
            if base != NOBODY and self.game.report[first + own] == BESIDE:
                wishes.append((row, base, own))
            elif base == NOBODY or self._last(row, base, own, float(now[row])):
                column[row] = own if base == NOBODY else base
                usual.append(row)
        if wishes:
            asking, base, own = np.array(wishes).T
            self._ask(asking, base, own, now.take(asking))
        return np.array(usual, dtype=np.intp)

    def grow(self, columns: int) -> None:
        """Twice as many columns."""
        self.owner = wider(self.owner, columns, NOBODY)
        self.number = wider(self.number, columns, 0)

    def _ask(self, rows: Ints, base: Ints, own: Ints, time: Floats) -> None:
        """Send what is wished for, where the strategy has a server for it."""
        game = self.game
        before = game.score
        action = game.balancer.decide(rows, base, time, **game.limits(rows, base, time))
        game.credit(rows, game.first.take(rows) + base, before)
        for place in np.flatnonzero(action.arm < 0).tolist():
            self._release(int(rows[place]), int(own[place]))
        sent = np.flatnonzero(action.arm >= 0)
        if sent.size:
            rows, base, own = (each.take(sent) for each in (rows, base, own))
            time = time.take(sent)
            game.send(rows, base, own, time, action.arm.take(sent))
            if action.beside is not None:
                self.plan(rows, base, time, action.beside.take(sent))

    def _last(self, row: int, base: int, own: int, now: float) -> bool:
        """An attempt ends; whether its request goes on without others, which are called off."""
        game = self.game
        first = int(game.first[row])
        mine = slice(first, first + game.columns)
        there = np.flatnonzero((self.owner[mine] == base) & (game.due[mine] < np.inf))
        others = [each for each in there.tolist() if each != own]
        sent = [each for each in others if game.report[first + each] != BESIDE]
        outcome = int(game.report[first + own])
        if sent and outcome not in {SUCCEEDED, CANCELLED} and now < game.over_at[first + base]:
            self._finish(row, base, own, outcome, now)
            return False
        for other in sorted(sent, key=lambda each: -self.number[first + each]):  # as live
            self._finish(row, base, other, CANCELLED, now)
        for wish in set(others) - set(sent):
            self._release(row, wish)
        if own != base:
            for table in (game.report, game.retry_after, game.arm, self.number):
                table[first + base] = table[first + own]
            self._release(row, own)
        return True

    def _finish(self, row: int, base: int, own: int, outcome: int, now: float) -> None:
        """One of several attempts ended."""
        game, at = self.game, int(self.game.first[row]) + own
        game.rate_limited[row] += outcome == REFUSED
        cost = None
        if game.contexts is not None:
            one = np.array([row]), np.array([at]), np.array([outcome]), np.array([now])
            cost = game.cost(*one)
        game.balancer.complete_one(
            base,
            outcome,
            now,
            np.nan if outcome == CANCELLED else float(game.retry_after[at]),
            number=int(self.number[at]),
            cost=cost,
            rows=np.array([row]),
        )
        game.due[at] = np.inf
        if own != base:
            self._release(row, own)

    def _release(self, row: int, own: int) -> None:
        """A column is nobody's."""
        at = int(self.game.first[row]) + own
        self.game.due[at] = np.inf
        self.owner[at] = NOBODY
        self.game.free.give_back(np.array([row]), np.array([own]))


def wider(table: Array, columns: int, fill: float) -> Array:
    """A table of twice as many columns."""
    wide: Array = np.pad(
        table.reshape(-1, columns), ((0, 0), (0, columns)), constant_values=fill
    ).reshape(-1)  # type: ignore[assignment]
    return wide
