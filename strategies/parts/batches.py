"""Batches: where their entries are in a table, and two ways of deciding put together again."""

import numpy as np

from flaky_load_balancer.core.types import Action, Context, Ints

Pair = tuple[Ints, Ints]


def together(context: Context, parts: Pair, actions: tuple[Action, Action]) -> Action:
    """One action for the batch; every decision of ``context`` is in one of the two parts."""
    arm, until = np.empty(len(context.rows), dtype=np.intp), context.now.copy()
    index = np.empty(context.tried.shape)
    eligible = np.empty(context.tried.shape, dtype=bool)
    probability = np.full(len(arm), np.nan)
    for those, action in zip(parts, actions, strict=True):
        arm[those], index[those], eligible[those] = action.arm, action.index, action.eligible
        if action.until is not None:
            until[those] = action.until
        if action.probability is not None:
            probability[those] = action.probability
    return Action(arm, until, index, eligible, probability)


def place(*index: Ints) -> tuple[Ints, ...] | tuple[int, ...]:
    """Indices of n entries; of one, as live, as plain numbers, which numpy finds faster."""
    return index if len(index[0]) != 1 else tuple([each.item() for each in index])
