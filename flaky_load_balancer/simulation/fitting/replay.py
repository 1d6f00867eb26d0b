"""What limiters of each kind would have done with the attempts of one server.

A window of either kind is a count that admissions raise and time lowers.  An attempt is admitted if
and only if the limit is at least its *need*, which follows from the admissions before it alone: so
all limits are tried at once, by counting.  A bucket is followed token by token, since errors of a
rate would add up; what the server did corrects it.

``t`` (n,) in seconds, never falling; ``took`` (n,) whether each attempt used an admission.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints

SLACK = 1e-6  # tokens
ALMOST = 1 - 2 * SLACK


def bucket(t: Floats, took: Bools, rate: Floats, burst: Floats) -> Bools:
    """(n, G) what each of G buckets, of tokens per second and most tokens (G,), would refuse."""
    level = burst.astype(np.float64)
    refusing = np.empty((len(t), len(level)), dtype=bool)
    for place, (gap, taken) in enumerate(zip(np.diff(t, prepend=t[:1]), took, strict=True)):
        level += rate * gap
        np.minimum(level, burst, out=level)
        np.less(level, 1 - SLACK, out=refusing[place])
        if taken:
            level -= 1
            np.maximum(level, 0.0, out=level)  # it had a token
        else:
            np.minimum(level, ALMOST, out=level)  # it had none
    return refusing


def fixed(t: Floats, took: Bools, window: float, phase: float) -> Ints:
    """Admissions in each window; one begins at ``phase``."""
    number = np.floor((t - phase) / window + 1e-9)
    before = _before(took)
    first = np.searchsorted(number, number, side="left")
    return before - before[first] + 1


def sliding(t: Floats, took: Bools, window: float) -> Ints:
    """Admissions in the window that ends with each attempt, its beginning excluded."""
    expired = np.searchsorted(t, t - window + 1e-9, side="right")
    before = _before(took)
    return before - before[expired] + 1


def _before(took: Bools) -> Ints:
    """(n,) admissions before each attempt."""
    return np.cumsum(took) - took
