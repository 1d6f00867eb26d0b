"""Confidence bounds of a mean in [0, 1], narrower where the mean is near 0.

Source: Badanidiyuru, Kleinberg and Slivkins, "Bandits with knapsacks" (arXiv 1305.2545), section
2; the radius is that of Kleinberg, Slivkins and Upfal (STOC 2008).

    rad(nu, N) = sqrt(C nu / N) + C / N,   UCB, LCB = nu +- rad(nu, N) within [0, 1]

nu is the mean of N values.  The theory wants C of the order of ln(d T m); at the horizons of this
game that costs 10 to 20 % of the reward, and C = 1 does better.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats


def share(part: Floats, whole: Floats) -> Floats:
    """The part of the whole; 0 where there is none of either."""
    mean: Floats = part / np.maximum(whole, 1.0)
    return mean


def radius(mean: Floats, n: Floats, c: float) -> Floats:
    """How far the truth may be from the mean of n >= 1 values."""
    spread = c / n
    width: Floats = np.sqrt(spread * mean) + spread
    return width


def upper(mean: Floats, n: Floats, c: float) -> Floats:
    """The most that the truth may be: 1 while n is 0."""
    bound = np.minimum(mean + radius(mean, np.maximum(n, 1.0), c), 1.0)
    return np.where(n > 0, bound, 1.0)


def lower(mean: Floats, n: Floats, c: float) -> Floats:
    """The least that the truth may be: 0 while n is 0."""
    bound = np.maximum(mean - radius(mean, np.maximum(n, 1.0), c), 0.0)
    return np.where(n > 0, bound, 0.0)


def beliefs(part: Floats, whole: Floats, c: float) -> dict[str, Floats]:
    """Mean and bounds of a share, for people; nothing is known of a share of nothing."""
    mean = share(part, whole)
    return {
        "mean": np.where(whole > 0, mean, 0.5),
        "low": lower(mean, whole, c),
        "high": upper(mean, whole, c),
    }
