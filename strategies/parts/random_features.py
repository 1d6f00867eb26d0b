"""Random Fourier features: a linear model of them is a smooth function of what they are made of.

Source: Rahimi and Recht 2007, "Random Features for Large-Scale Kernel Machines", for the Gaussian
kernel exp(-|x - y|^2 / 2):   z = sqrt(2 / m) cos(W x + b), W normal, b uniform in [0, 2 pi).
"""

import numpy as np

from flaky_load_balancer.core.types import Floats


class RandomFeatures:
    """``width`` features of vectors of d numbers; the first is constant."""

    def __init__(self, d: int, width: int, rng: np.random.Generator) -> None:
        self.directions: Floats = rng.standard_normal((d, width))
        self.phases: Floats = rng.uniform(0.0, 2.0 * np.pi, width)

    def of(self, x: Floats) -> Floats:
        """(n, width) the features of x (n, d)."""
        z: Floats = np.sqrt(2.0 / len(self.phases)) * np.cos(x @ self.directions + self.phases)
        z[:, 0] = 1.0
        return z
