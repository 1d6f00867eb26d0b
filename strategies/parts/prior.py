"""What was learnt from preferences before the first request: where each server stands.

Made by ``flb fit --preferences``; a strategy is given one as ``prior=FILE``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flaky_load_balancer.core.types import Floats


@dataclass(frozen=True)
class Prior:
    """A projection of features and a place for each server in the projected space.

    ``projection`` (m, d) and ``offset`` (m,) of psi(x) = projection x + offset; ``servers`` (K, m)
    theta of each server; ``accuracy`` (0, 1] of the preferences that these foretell.
    """

    source: str  # the file, as a spec names it
    projection: Floats = field(compare=False, repr=False)
    offset: Floats = field(compare=False, repr=False)
    servers: Floats = field(compare=False, repr=False)
    accuracy: float = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.source

    @classmethod
    def of(cls, source: str, document: Mapping[str, Any]) -> "Prior":
        """From what the file says; ValueError where that does not fit together."""
        projection, offset, servers = (
            np.asarray(document[key], dtype=float) for key in ("projection", "offset", "servers")
        )
        accuracy = float(document["accuracy"])
        fits = projection.ndim == servers.ndim == 2 and offset.shape == (len(projection),)
        if not fits or servers.shape[1] != len(projection) or not 0 < accuracy <= 1:
            raise ValueError("the shapes of projection, offset and servers do not fit")
        if not all(np.isfinite(each).all() for each in (projection, offset, servers)):
            raise ValueError("there is a number that is not finite")
        return cls(source, projection, offset, servers, accuracy)

    def unit(self, x: Floats) -> Floats:
        """(n, m) the projected features, each of length 1."""
        return unit(x @ self.projection.T + self.offset)


def unit(x: Floats) -> Floats:
    """(n, m) vectors of length 1; 0 stays 0."""
    length = np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
    scaled: Floats = x / np.where(length > 0, length, 1.0)
    return scaled
