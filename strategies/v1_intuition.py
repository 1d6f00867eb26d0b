"""V1, Larkin's intuition: explore for a while, then exploit for ever.

The first requests go where least is known, measured by the variance of a Beta posterior; later
ones go where the most succeeded.  A fixed end of exploration is simple and fragile: what was
unlucky by then is never attempted first again.

Source: published code of the original (``v1_larkin.py``), slips included: a request is counted
before the count is compared with 50, so 49 requests explore, not 50.

    a = successes + 1, b = failures + 1 (refusals are failures)
    exploring:  unattempted first, then the largest  a b / ((a + b)^2 (a + b + 1))
    later:      the largest rate = successes / attempts among untried servers
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best, candidates, uniform
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.counts import Counts, pulls, rate
from strategies.parts.numbers import require
from strategies.parts.paid import free_or_paid


@dataclass
class Intuition(Strategy):
    """Explore by uncertainty for ``explore_requests`` - 1 requests, then take the best rate."""

    explore_requests: int = 50
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("explore_requests", self.explore_requests, least=0, whole=True)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rules, self.rng = rules, rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=True)
        self.requests = np.zeros(replications, dtype=np.intp)

    def select(self, context: Context) -> Action:
        self.requests[context.rows] += context.attempt == 1
        return free_or_paid(context, self.rules, self.counts, self._free)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()

    def _free(self, context: Context) -> Action:
        index = rate(self.counts.of(context.rows))
        chance = np.ones(len(index))
        exploring = np.flatnonzero(self.requests.take(context.rows) < self.explore_requests)
        if exploring.size:
            index[exploring], chance[exploring] = self._uncertainty(context, exploring)
        return best(context, index, probability=chance)

    def _uncertainty(self, context: Context, those: Ints) -> tuple[Floats, Floats]:
        """(m, K) the variance of the posterior, infinite where nothing was attempted.

        And (m,) how likely each choice is: 1 unless it is made among servers that nobody knows.
        """
        rows = context.rows[those]
        attempted = pulls(self.counts.of(rows)) > 0
        index = np.where(attempted, _variance(self.posterior.shapes(rows)), np.inf)
        blank = np.flatnonzero(~(attempted & ~context.tried[those]).any(axis=1))
        chance = np.ones(len(those))
        if blank.size:  # nothing to compare: no candidate was ever attempted
            index[blank] = self.rng.random((blank.size, index.shape[1]))
            chance[blank] = uniform(candidates(context)[those[blank]])
        return index, chance


def _variance(shapes: Floats) -> Floats:
    a, b = shapes[:, 0], shapes[:, 1]
    total = a + b
    variance: Floats = a * b / (total * total * (total + 1.0))
    return variance
