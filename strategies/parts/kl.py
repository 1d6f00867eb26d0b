"""The largest chance of success that is still plausible, in terms of information.

kl(p, q) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)) is how much one attempt tells, on average,
against a server of chance q when it has chance p.
"""

import numpy as np
from scipy.special import entr

from flaky_load_balancer.core.types import Floats

STEPS = 6  # from where they begin, 5 reach 1e-5 in the worst case, and the last bits in most
TINY = 1e-9  # nearer to p than this, rounding decides


def kl_upper(p: Floats, level: Floats) -> Floats:
    """The largest q in [p, 1] with kl(p, q) <= level >= 0; arrays of one shape.

    Newton's method in y = -ln(1 - q), where kl is convex and nearly a line, from above: y is at
    most (level + H(p)) / (1 - p), with H the entropy, and q at most p + sqrt(level / 2) (Pinsker).
    What is left of the error after the last step is optimism.
    """
    fails = np.maximum(1.0 - p, 1e-12)
    least = -np.log(fails)  # y where q = p
    entropy = entr(p) + entr(1.0 - p)
    pinsker = np.minimum(p + np.sqrt(level / 2.0), 1.0 - 1e-12)
    y = np.minimum((level + entropy) / fails, -np.log1p(-pinsker))
    for _ in range(STEPS):
        q = -np.expm1(-y)
        excess = fails * y - entropy - p * np.log(np.maximum(q, TINY)) - level
        y = np.maximum(y - excess * q / np.maximum(q - p, TINY), least)
    return np.where(p < 1.0, np.clip(-np.expm1(-y), p, 1.0), 1.0)
