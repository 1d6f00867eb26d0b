"""How sure a mean over fleets is."""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints


def half(values: Floats | Ints) -> float:
    """Half of the 95 % interval of the mean of independent values (n,)."""
    return float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))
