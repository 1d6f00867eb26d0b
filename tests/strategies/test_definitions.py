"""V1-V8 decide as their definitions do, in batches of replications, whatever happens."""

from typing import cast

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Feedback, Rules
from strategies import STRATEGIES
from tests.strategies.scalar import Ended, Scalar
from tests.strategies.table import LETTERS, MeanDraws

ARMS, REPLICATIONS, STEPS = 5, 4, 300
ODDS = {"S": 0.4, "F": 0.25, "R": 0.3, "C": 0.05}


class Draws(MeanDraws):
    """Means where definitions are compared; chance where they leave the choice to chance."""

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(0).random(shape)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", [f"v{number}" for number in range(1, 9)])
def test_every_decision_is_as_defined(name: str, seed: int) -> None:
    world = np.random.default_rng([seed, int(name[1])])
    strategy = STRATEGIES[name]()
    strategy.reset(Rules(ARMS), REPLICATIONS, cast("np.random.Generator", Draws()))
    defined = [Scalar(name, ARMS) for _ in range(REPLICATIONS)]
    now, compared = 0.0, 0
    for _ in range(STEPS):
        now += float(world.choice([1, 16, 40, 200])) / 64
        rows = world.permutation(REPLICATIONS)[: world.integers(1, REPLICATIONS + 1)]
        context = asked(world, rows, now)
        arms = strategy.select(context).arm
        for row, attempt, tried, arm in zip(
            rows, context.attempt, context.tried, arms, strict=True
        ):
            expected = defined[row].arm(int(attempt), set(np.flatnonzero(tried).tolist()), now)
            assert expected is None or arm == expected
            compared += expected is not None
        ended, feedback = told(world, now)
        strategy.observe(feedback)
        for row, one in enumerate(ended):
            defined[row].end(one)
    assert compared > 0.95 * STEPS * REPLICATIONS / 2


def asked(world: np.random.Generator, rows: np.ndarray, now: float) -> Context:
    n = len(rows)
    attempt = world.integers(1, 6, n)
    tried = np.zeros((n, ARMS), dtype=bool)
    for request, made in enumerate(attempt - 1):
        tried[request, world.integers(ARMS, size=made)] = True
    tried[world.random(n) < 0.05] = True
    return Context.of(rows, np.full(n, now), attempt, tried, np.full(n, now + 10))


def told(world: np.random.Generator, now: float) -> tuple[list[Ended], Feedback]:
    """An attempt of every replication ends; the first servers succeed more often."""
    arms = world.integers(ARMS, size=REPLICATIONS)
    letters = world.choice(list(ODDS), REPLICATIONS, p=list(ODDS.values()))
    ended = [Ended(int(arm), str(one), now) for arm, one in zip(arms, letters, strict=True)]
    nothing = np.full(REPLICATIONS, np.nan)
    return ended, Feedback.of(
        rows=np.arange(REPLICATIONS),
        now=np.full(REPLICATIONS, now),
        arm=arms,
        outcome=np.array([int(LETTERS[one.letter]) for one in ended]),
        latency=np.full(REPLICATIONS, 0.01),
        retry_after=nothing,
    )
