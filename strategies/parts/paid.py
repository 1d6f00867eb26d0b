"""Paid attempts: the same rule for V1-V8, in this one place.

After the free attempts, and where a request has tried every server, an attempt goes to the
server with the largest rate of the whole run: tried, cooling or blocked alike, the lowest index
on ties, the first server while nothing was attempted.  Nothing is held, nothing given up.  So
decides the published code of the original (its ``get_best_server``); on limited fleets these
blind repetitions are where V1-V8 lose their score.
"""

from collections.abc import Callable

import numpy as np

from flaky_load_balancer.strategy import best
from flaky_load_balancer.types import Action, Context, Ints, Rules
from strategies.parts.counts import Counts, rate

Free = Callable[[Context], Action]


def free_or_paid(context: Context, rules: Rules, counts: Counts, free: Free) -> Action:
    """Decide free attempts by the strategy's own rule ``free`` and all others as paid."""
    paid = context.attempt > rules.free_attempts
    if np.count_nonzero(context.tried) >= rules.arms:  # below it nobody can have tried them all
        paid |= context.tried.all(axis=1)
    if not np.count_nonzero(paid):
        return free(context)
    if paid.all():
        return largest_rate(counts, context.rows)
    blind, own = np.flatnonzero(paid), np.flatnonzero(~paid)
    decided = largest_rate(counts, context.rows.take(blind)), free(_part(context, own))
    return _mixed(context, (blind, own), decided)


def largest_rate(counts: Counts, rows: Ints) -> Action:
    """Send each request to the server with the largest rate, unattempted ones last."""
    index = rate(counts.of(rows))
    return best(index, np.ones(index.shape, dtype=bool))


def _mixed(context: Context, parts: tuple[Ints, Ints], actions: tuple[Action, Action]) -> Action:
    """Put together a batch in which some attempts are paid and some are free."""
    arm = np.empty(len(context.rows), dtype=np.intp)
    index = np.empty(context.tried.shape)
    eligible = np.empty(context.tried.shape, dtype=bool)
    for those, action in zip(parts, actions, strict=True):
        arm[those], index[those], eligible[those] = action.arm, action.index, action.eligible
    return Action(arm, None, index, eligible)


def _part(context: Context, those: Ints) -> Context:
    return Context(
        context.rows.take(those),
        context.now.take(those),
        context.attempt.take(those),
        context.tried.take(those, 0),
        context.deadline.take(those),
    )
