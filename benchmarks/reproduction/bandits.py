"""Strategies of ours on plain bandits: one attempt per request, rewards of 0 and 1."""

from collections.abc import Sequence

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Context, Feedback, Floats, Rules

CHUNK = 1024  # rounds whose chance is drawn at once


def pseudo_regret(
    strategy: Strategy, rates: Floats, horizons: Sequence[int], *, replications: int, seed: int = 0
) -> Floats:
    """(H, R) regret after each of the horizons: the sum of max(rates) - rates[arm] so far.

    ``rates`` (K,), or (S, K) for S segments of the longest horizon, of equal length.  A request has
    one attempt, which is free, so every server is a candidate for each.
    """
    segments = np.atleast_2d(rates)
    strategy_seed, world_seed = np.random.SeedSequence(seed).spawn(2)
    world = np.random.default_rng(world_seed)
    rules = Rules(segments.shape[1], free_attempts=1, max_attempts=1)
    strategy.reset(rules, replications, np.random.default_rng(strategy_seed))
    context, nothing = _context(rules, replications), np.full(replications, np.nan)
    regret, total = np.zeros(replications), []
    for t in range(max(horizons)):
        if t % CHUNK == 0:
            chance = world.random((CHUNK, replications))
        now = segments[t * len(segments) // max(horizons)]
        arm = strategy.select(context).arm
        failed = (chance[t % CHUNK] >= now.take(arm)).astype(np.intp)  # 0 is SUCCEEDED
        strategy.observe(Feedback.of(context.rows, context.now, arm, failed, context.now, nothing))
        regret += now.max() - now.take(arm)
        if t + 1 in horizons:
            total.append(regret.copy())
    return np.array(total)


def _context(rules: Rules, replications: int) -> Context:
    now = np.zeros(replications)
    first, untried = np.ones(replications, dtype=np.intp), (replications, rules.arms)
    return Context.of(np.arange(replications), now, first, np.zeros(untried, dtype=bool), now + 1)


def one_better(arms: int, gap: float) -> Floats:
    """(K,) the first server succeeds half of the time, the others less often."""
    return np.array([0.5] + [0.5 - gap] * (arms - 1))
