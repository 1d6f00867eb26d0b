"""V8, blocking bandit: V4 plus a backoff.

A server that refuses is blocked for a time that doubles with each refusal.  Right where limits
are long windows; where they are short, a good server sits idle for 10 or 20 seconds.

Source: published code of the original (``v8_blocking_bandit.py``), slips included: the
multiplier doubles before its first use, so blocks last 10, 20, 20 s, never 5; and with no
candidate left the fallback looks at all servers, tried ones too (``fallback=published``).

    draw ~ Beta(a + successes, b + failures) over untried servers that are not blocked
    refusal:  m = min(most, 2 m), blocked until its end + base x m;   success:  m = 1
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.cooldown import Backoff
from strategies.parts.counts import Counts
from strategies.parts.masked import FALLBACKS, best_rested
from strategies.parts.numbers import require, require_one_of
from strategies.parts.paid import free_or_paid


@dataclass
class Blocking(Strategy):
    """Take the largest draw among servers that are not blocked after a refusal."""

    base: float = 5.0
    most: float = 4.0
    fallback: str = "published"
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("base", self.base, least=0)
        require("most", self.most, least=1)
        require_one_of("fallback", self.fallback, FALLBACKS)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=False)
        self.backoff = Backoff(replications, rules.arms, self.base, self.most)

    def select(self, context: Context) -> Action:
        return free_or_paid(context, self.rules, self.counts, self._free)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.backoff.learn(feedback)

    def retry_at(self, now: Floats) -> Floats:
        return self.backoff.until(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.posterior.beliefs() | {"until": self.retry_at(now)}

    def _free(self, context: Context) -> Action:
        draw = self.posterior.draw(context.rows, self.rng)
        rested = self.backoff.rested(context.rows, context.now)
        return best_rested(context, draw, rested, 0.0, self.fallback)
