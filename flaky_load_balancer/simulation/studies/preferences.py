"""A prior for ``pilot`` from pairwise preferences: which of two servers' answers people liked.

Source: Panda et al. 2025, arXiv 2508.21141, section 3.1.  First a projection psi(x) = W x + b
brings queries together that the same server won, and pushes away those that a smaller one won, by a
triplet loss on cosines; then each server gets a place theta in that space, by cross entropy on

    P(i wins against j) = exp cos(theta_i, psi) / (exp cos(theta_i, psi) + exp cos(theta_j, psi))
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from strategies.parts.prior import Prior, unit

MARGIN = 0.2
RATE, STEPS, BATCH = 0.05, 400, 64


@dataclass(frozen=True, eq=False)
class Preferences:
    """n pairs: features ``x`` (n, d) of the query, the ``winner`` and the ``loser`` (n,) of it."""

    x: Floats
    winner: Ints
    loser: Ints

    def __len__(self) -> int:
        return len(self.winner)


def fit_prior(
    preferences: Preferences,
    servers: int,
    rng: np.random.Generator,
    *,
    width: int | None = None,
    sizes: Floats | None = None,
    source: str = "preferences",
) -> Prior:
    """Learn where queries and servers stand; ``sizes`` (K,) of the servers, by default their order.

    ``width`` is how many numbers the common space has: as many as features, if not said.
    """
    sizes = np.arange(servers, dtype=float) if sizes is None else sizes
    width = preferences.x.shape[1] if width is None else width
    projection, offset = _projected(preferences, sizes, width, rng)
    psi = unit(preferences.x @ projection.T + offset)
    theta = _placed(psi, preferences, servers, rng)
    likes = np.einsum("nm,km->nk", psi, unit(theta))
    each = np.arange(len(preferences))
    foretold = likes[each, preferences.winner] > likes[each, preferences.loser]
    accuracy = max(0.05, float(foretold.mean()))
    return Prior(source, projection, offset, theta, accuracy)


def _projected(
    preferences: Preferences, sizes: Floats, width: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """W (width, d) and b (width,) by stochastic gradient descent on the triplet loss."""
    d = preferences.x.shape[1]
    projection: Floats = np.eye(width, d) + 0.01 * rng.standard_normal((width, d))
    offset: Floats = np.zeros(width)
    for _ in range(STEPS):
        anchor, near, far = _triplets(preferences, sizes, rng)
        if not anchor.size:
            break
        x = preferences.x
        push = _triplet_gradient(projection, offset, x[anchor], x[near], x[far])
        projection -= RATE * push[0]
        offset -= RATE * push[1]
    return projection, offset


def _triplets(
    preferences: Preferences, sizes: Floats, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Queries; for each, one with the same winner, and one that a smaller server won."""
    n, winner = len(preferences), preferences.winner
    anchor = rng.integers(n, size=BATCH)
    near, far = rng.integers(n, size=(2, BATCH))
    fits = winner[near] == winner[anchor]
    fits &= (winner[far] != winner[anchor]) & (sizes[winner[far]] < sizes[winner[anchor]])
    return anchor[fits], near[fits], far[fits]


def _triplet_gradient(
    projection: Floats, offset: Floats, *queries: Floats
) -> tuple[Floats, Floats]:
    """Of mean max(0, cos(anchor, far) - cos(anchor, near) + MARGIN)."""
    points = [x @ projection.T + offset for x in queries]
    lengths = [np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-9) for u in points]
    units = [u / length for u, length in zip(points, lengths, strict=True)]
    near, far = ((units[0] * other).sum(axis=1, keepdims=True) for other in units[1:])
    active = (far - near + MARGIN > 0) / len(points[0])
    slopes = (
        active * ((units[2] - far * units[0]) - (units[1] - near * units[0])) / lengths[0],
        -active * (units[0] - near * units[1]) / lengths[1],
        active * (units[0] - far * units[2]) / lengths[2],
    )
    of_projection = sum(slope.T @ x for slope, x in zip(slopes, queries, strict=True))
    of_offset = sum(slope.sum(axis=0) for slope in slopes)
    return np.asarray(of_projection), np.asarray(of_offset)


def _placed(
    psi: Floats, preferences: Preferences, servers: int, rng: np.random.Generator
) -> Floats:
    """(K, m) theta of each server, by gradient descent on the cross entropy of who won."""
    theta: Floats = 0.1 * rng.standard_normal((servers, psi.shape[1]))
    each = np.arange(len(preferences))
    for _ in range(STEPS):
        lengths = np.maximum(np.linalg.norm(theta, axis=1, keepdims=True), 1e-9)
        places = theta / lengths
        cosine = psi @ places.T
        lead = cosine[each, preferences.winner] - cosine[each, preferences.loser]
        doubt = 1.0 / (1.0 + np.exp(lead))
        push = np.zeros((len(preferences), servers))
        push[each, preferences.winner] -= doubt
        push[each, preferences.loser] += doubt
        slope = push.T @ psi - (push * cosine).sum(axis=0)[:, None] * places
        theta -= 10.0 * RATE * slope / lengths / max(1, len(preferences)) * servers
    return theta
