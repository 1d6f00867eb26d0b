"""How well a chance of success explains what was seen."""

import numpy as np
from scipy.special import xlogy

from flaky_load_balancer.core.types import Floats


def fit(counts: Floats) -> Floats:
    """The largest log-likelihood of successes and failures, the last axis of ``counts``."""
    fit: Floats = xlogy(counts, counts).sum(axis=-1)
    total = counts.sum(axis=-1)
    fit -= xlogy(total, total)
    return fit


def gain(before: Floats, after: Floats) -> Floats:
    """The logarithm of the generalised likelihood ratio: two chances of success, or only one?

    ``before`` and ``after`` are successes and failures, in their last axis.  With n values before
    and m after, means p and q, and p' of all, it is n kl(p, p') + m kl(q, p').
    """
    ratio: Floats = fit(before) + fit(after) - fit(before + after)
    return np.maximum(ratio, 0.0)
