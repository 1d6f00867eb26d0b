"""Now and then any server: epsilon-greedy's coin, which says so less and less often."""

import numpy as np

from flaky_load_balancer.core.types import Action, Bools, Context, Floats


class Exploration:
    """epsilon_t = max(least, epsilon x decay^t), t the requests decided so far."""

    def __init__(
        self,
        replications: int,
        epsilon: float,
        decay: float,
        least: float,
        rng: np.random.Generator,
    ) -> None:
        self.epsilon, self.decay, self.least, self.rng = epsilon, decay, least, rng
        self.decided = np.zeros(replications, dtype=np.intp)

    def chance(self, context: Context) -> Floats:
        """(n,) epsilon now."""
        power = self.decay ** self.decided.take(context.rows)
        chance: Floats = np.maximum(self.least, self.epsilon * power)
        return chance

    def count(self, context: Context) -> None:
        """Requests were decided: each counts once, at its first attempt."""
        self.decided[context.rows] += context.attempt == 1

    def mixed(self, index: Floats, chance: Floats) -> Floats:
        """(n, K) the index, uniformly random where the coin falls that way."""
        coin: Bools = self.rng.random(len(chance)) < chance
        return np.where(coin[:, None], self.rng.random(index.shape), index)


def greedy_probability(action: Action, index: Floats, chance: Floats) -> Floats:
    """(n,) how likely each choice was: 1 - epsilon for the best of the eligible, and its share.

    ``index`` (n, K) without the coin; equal ones are decided by the lowest place, as ``best`` does.
    """
    assert action.eligible is not None
    eligible = action.eligible
    greedy = np.where(eligible, index, -np.inf).argmax(axis=1) == action.arm
    among = np.maximum(np.count_nonzero(eligible, axis=1), 1)
    probability: Floats = chance / among + (1.0 - chance) * greedy
    return probability
