"""What another strategy would have earned, from a log of decisions with their probabilities.

n decisions were logged: the server ``arm`` (n,), its probability ``logged`` (n,) then, and the
reward (n,) that came of it.  ``target`` (n, K) says how likely another strategy would have chosen
each server.  Three estimates of the mean reward that it would have had:

    w = target / logged, q (n, K) a model of rewards
    ips     mean of w r
    snips   sum of w r / sum of w: self-normalised
    dr      mean of sum_a target_a q_a + w (r - q_arm): doubly robust

Sources: Horvitz and Thompson 1952; Swaminathan and Joachims 2015 (NeurIPS), section 3; Dudik,
Langford and Li 2011 (ICML), equation 1.  The model is fitted to one half of the log and used on the
other, so that its errors are independent of what it corrects.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Floats, Ints

Z = 1.959964  # standard errors of a 95 % interval
LEAST_SIZE = 50.0  # effective decisions: with fewer, the normal interval is not to be believed
RIDGE = 1.0


class TooLittleExploredError(UserError, ValueError):
    """The log says too little of what the strategy would have done."""


@dataclass(frozen=True, slots=True)
class Value:
    """An estimate of the mean reward, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Floats) -> "Value":
        """The mean of independent samples."""
        error = Z * float(samples.std(ddof=1)) / sqrt(len(samples))
        mean = float(samples.mean())
        return cls(mean, mean - error, mean + error)


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a strategy would have earned, and how much of the log says so."""

    ips: Value
    snips: Value
    dr: Value
    decisions: int
    effective: float  # (sum w)^2 / sum w^2: decisions of its own that the log is worth


def evaluate(
    arm: Ints, logged: Floats, reward: Floats, target: Floats, features: Floats | None = None
) -> Estimates:
    """Estimate the mean reward of a strategy; TooLittleExploredError where the log cannot tell.

    ``features`` (n, d) are what the model of rewards may see.
    """
    unknown = ~(np.isfinite(logged) & (logged > 0))
    if unknown.all() or not len(arm):
        raise TooLittleExploredError(
            "no decision was logged with its probability: record a strategy that knows it, as"
            " eps-greedy, or lints"
        )
    arm, logged, reward, target = (
        arm[~unknown],
        logged[~unknown],
        reward[~unknown],
        target[~unknown],
    )
    features = None if features is None else features[~unknown]
    weight = target[np.arange(len(arm)), arm] / logged
    effective = float(weight.sum() ** 2 / max(np.square(weight).sum(), 1e-300))
    if effective < LEAST_SIZE:
        raise TooLittleExploredError(
            f"{len(arm)} decisions are worth {effective:.0f} of this strategy's own, and"
            f" {LEAST_SIZE:.0f} are needed: it would have chosen servers that the log hardly tried"
        )
    model = _model(arm, reward, features, target.shape[1])
    return Estimates(
        Value.of(weight * reward),
        _self_normalised(weight, reward),
        Value.of(_doubly_robust(arm, weight, reward, target, model)),
        len(arm),
        effective,
    )


def _self_normalised(weight: Floats, reward: Floats) -> Value:
    """The ratio of two means, with its delta-method interval."""
    mean = float((weight * reward).sum() / weight.sum())
    error = sqrt(float(np.square(weight * (reward - mean)).sum())) / float(weight.sum())
    return Value(mean, mean - Z * error, mean + Z * error)


def _doubly_robust(
    arm: Ints, weight: Floats, reward: Floats, target: Floats, model: Floats
) -> Floats:
    chosen = model[np.arange(len(arm)), arm]
    samples: Floats = (target * model).sum(axis=1) + weight * (reward - chosen)
    return samples


def _model(arm: Ints, reward: Floats, features: Floats | None, arms: int) -> Floats:
    """(n, K) rewards foretold for every decision by ridge regression on the other half."""
    x = np.ones((len(arm), 1))
    if features is not None:
        x = np.hstack([x, features])
    foretold = np.empty((len(arm), arms))
    half = np.arange(len(arm)) % 2 == 0
    for fold in (half, ~half):
        usual = float(reward[fold].mean()) if fold.any() else 0.0
        for server in range(arms):
            mine = fold & (arm == server)
            a = x[mine].T @ x[mine] + RIDGE * np.eye(x.shape[1])
            theta = np.linalg.solve(a, x[mine].T @ (reward[mine] - usual))
            foretold[~fold, server] = usual + x[~fold] @ theta
    return foretold
