"""The bound where requests are of several kinds: of several tasks, and of several sizes.

The programme of ``bound``, with kinds: x[a, i, t] is the number of a-th attempts at requests of
kind t that are sent to server i, w_t the share of the kind, u_it what an answer is worth less its
costs, z_t its size.  A limit l is of some servers M_l, and counts attempts or their tokens::

    maximise    sum x[a, i, t] (s_i u_it - penalty [a > free])
    subject to  sum_i x[1, i, t]                   <= w_t N
                sum_i x[a+1, i, t]                 <= sum_i x[a, i, t] (1 - s_i)
                sum_a,t,i in M_l x[a, i, t] z_t^l  <= C_l,   x >= 0,   z^l = 1 or z

The mean size would not do: who sends small requests first has more of them admitted.  The sizes of
a run are known, so they are cut into ``SIZES`` kinds of equally many, each as large as the smallest
of them: that can only raise the bound.

For tasks it is the task oracle.  A strategy that sees more of a request than its task can earn
more: then it is no bound.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints, Rules
from flaky_load_balancer.simulation.bounds.bound import attempts_follow_failures, solve

SIZES = 12


@dataclass(frozen=True)
class Caps:
    """What L limits allow over a run."""

    members: Floats  # (L, K) 1 where a server is behind a limit, else 0
    in_tokens: Bools  # (L,)
    most: Floats  # (..., L) attempts or tokens

    @classmethod
    def each(cls, capacity: Floats) -> "Caps":
        """A limit in attempts for each of K servers."""
        arms = len(capacity)
        return cls(np.eye(arms), np.zeros(arms, dtype=bool), capacity)

    def weights(self, size: Floats) -> Floats:
        """(L, T, K) what an attempt at a request of each kind takes; ``size`` (T,)."""
        each = np.where(self.in_tokens[:, None], size, 1.0)
        return each[:, :, None] * self.members[:, None, :]


@dataclass(frozen=True)
class Kinds:
    """T kinds of requests: their ``share`` (T,), ``worth`` (T, K) points and ``size`` (T,)."""

    share: Floats
    worth: Floats
    size: Floats

    @classmethod
    def of(cls, weights: Floats, worth: Floats, sizes: Floats | None) -> "Kinds":
        """Tasks with these ``weights``, each with requests of all the ``sizes`` (N,) of a run."""
        part, size = np.ones(1), np.ones(1)
        if sizes is not None:
            kind, size = sized(sizes)
            part = np.bincount(kind, minlength=len(size)) / len(sizes)
        return cls(
            np.outer(weights, part).ravel(),
            np.repeat(worth, len(part), axis=0),
            np.tile(size, len(weights)),
        )


def sized(sizes: Floats) -> tuple[Ints, Floats]:
    """The kind (N,) of each request, and (T,) a size of each kind that none of it is below."""
    cut = np.array_split(np.sort(sizes), min(SIZES, len(sizes)))
    size = np.unique([each[0] for each in cut])
    return np.searchsorted(size, sizes, side="right") - 1, size


def bound_of_kinds(success: Floats, kinds: Kinds, caps: Caps, requests: int, rules: Rules) -> float:
    """The best mean score of ``requests`` requests; ``success`` (K,), ``caps.most`` (L,)."""
    attempts, count = rules.max_attempts, len(kinds.share)
    paid = np.arange(1, attempts + 1) > rules.free_attempts
    gain = (success * kinds.worth)[:, None, :] - rules.penalty * paid[None, :, None]  # (T, M, K)
    begin = np.zeros((count, attempts))
    begin[:, 0] = kinds.share
    weights = caps.weights(kinds.size)
    scale = weights.max(axis=(1, 2)) * requests  # numbers near 1 keep the solver exact
    each = caps.most / np.maximum(scale, 1e-300)
    limited = np.flatnonzero(each < attempts)
    rows = np.repeat((weights * requests / scale[:, None, None])[limited][:, :, None], attempts, 2)
    return requests * solve(
        gain.ravel(),
        np.vstack(
            [
                np.kron(np.eye(count), attempts_follow_failures(success, attempts)),
                rows.reshape(len(limited), gain.size),
            ]
        ),
        np.concatenate([begin.ravel(), each[limited]]),
    )


def bound(success: Floats, capacity: Floats, requests: int, rules: Rules) -> float:
    """The same where all requests are alike and each server has its limit; both (K,)."""
    alike = Kinds.of(np.ones(1), np.ones((1, len(success))), None)
    return bound_of_kinds(success, alike, Caps.each(capacity), requests, rules)
