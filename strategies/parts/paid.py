"""Paid attempts: the same rule for V1-V8, in this one place.

After the free attempts, and where a request has tried every server, an attempt goes to the
server with the largest rate of the whole run: tried, cooling or blocked alike, the lowest index
on ties, the first server while nothing was attempted.  Nothing is held, nothing given up.  So
decides the published code of the original (its ``get_best_server``); on limited fleets these
blind repetitions are where V1-V8 lose their score.
"""

from collections.abc import Callable

import numpy as np

from flaky_load_balancer.core.strategy import best
from flaky_load_balancer.core.types import Action, Context, Rules
from strategies.parts.batches import together
from strategies.parts.counts import Counts, rate

Free = Callable[[Context], Action]


def free_or_paid(context: Context, rules: Rules, counts: Counts, free: Free) -> Action:
    """Decide free attempts by the strategy's own rule ``free`` and all others as paid."""
    if len(context.rows) == 1:  # as live: numbers are quicker than arrays
        spent = np.count_nonzero(context.tried) == rules.arms
        if spent or context.attempt.item() > rules.free_attempts:
            return largest_rate(context, counts)
        return free(context)
    paid = context.attempt > rules.free_attempts
    if np.count_nonzero(context.tried) >= rules.arms:  # below it nobody can have tried them all
        paid |= context.tried.all(axis=1)
    if not np.count_nonzero(paid):
        return free(context)
    if paid.all():
        return largest_rate(context, counts)
    blind, own = np.flatnonzero(paid), np.flatnonzero(~paid)
    decided = largest_rate(context.take(blind), counts), free(context.take(own))
    return together(context, (blind, own), decided)


def largest_rate(context: Context, counts: Counts) -> Action:
    """Send each request to the server with the largest rate, unattempted ones last."""
    return best(context, rate(counts.of(context.rows)), context.available, probability=1.0)
