"""whittle: an index for servers that go up and down also when nobody asks.

Such a restless bandit has no cheap best strategy.  Whittle's index asks of each server alone which
subsidy for leaving it alone would make an attempt just worth it: a server that was seen down is
worth looking at again after a while, one that is certainly down is not.

Source: Whittle, J. Applied Probability 25A (1988); Liu and Zhao, IEEE Trans. Information Theory 56
(2010), theorem 2, for two states (``parts/chain.py``).  Their chain is known, and an attempt tells
its state; here chain and chances of success are learnt, an answer only hints at the state, and a
step is the mean time between attempts.  Untried servers first; refusals teach nothing.

    index = b + (g - b) W(belief), g and b the chances of success while up and while down
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.chain import Chains, later, whittle_index
from strategies.parts.numbers import require
from strategies.parts.stopwatch import AttemptRate


@dataclass
class Whittle(Strategy):
    """Take the server whose next attempt is worth the largest subsidy."""

    usual: float = 20.0  # seconds that a server is taken to stay up or down before it is known

    def __post_init__(self) -> None:
        require("usual", self.usual, above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.chains = Chains((replications, rules.arms), self.usual)
        self.pace = AttemptRate(replications, 1.0)

    def select(self, context: Context) -> Action:
        rows = context.rows
        step = 1.0 / self.pace.per_second(rows, context.now)[:, None]
        falls, rises = self.chains.rates(rows)
        p11, p01 = (later(np.full(falls.shape, was), step, falls, rises) for was in (1.0, 0.0))
        good, bad = self.chains.success(rows)
        worth = whittle_index(self.chains.now(rows, context.now), p01, p11)
        action = best(context, bad + (good - bad) * worth, probability=1.0)
        self.pace.count(rows[action.arm >= 0])
        return action

    def observe(self, feedback: Feedback) -> None:
        self.chains.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        rows = np.arange(len(now))
        good, bad = self.chains.success(rows)
        up = self.chains.now(rows, now)
        return {"up": up, "mean": bad + (good - bad) * up}
