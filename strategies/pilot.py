"""pilot: LinUCB that begins with what people prefer.

Source: Panda et al. 2025, arXiv 2508.21141 ("Adaptive LLM Routing under Budget Constraints").
Preferences give a projection of queries psi(q) = W phi(q) + b and a theta for each server
(``prior``, made by ``flb fit --preferences``); online, LinUCB goes on from there on unit vectors.

    A_a = lambda I + sum psi psi^T,   b_a = lambda theta_pref + sum r psi,   lambda = 1 / accuracy
    index = psi^T A^-1 b + alpha sqrt(psi^T A^-1 psi), |psi| = 1

Without a prior it is LinUCB on unit vectors (with ``centre=false`` as published).  Beyond the
paper, the prior counts as far as it foretells rewards (``parts/prior_ridge``; ``doubted=false``:
always), and a small share of requests goes anywhere: a server that the prior puts far away would
never be tried.  ``budget`` is the paper's online cost policy.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Action, Context, Floats, Ints, Rules
from strategies.linucb import LinUCB
from strategies.parts.exploration import greedy_probability
from strategies.parts.numbers import require
from strategies.parts.prior import Prior, unit
from strategies.parts.prior_ridge import PriorRidge
from strategies.parts.ridge import Ridge


@dataclass
class Pilot(LinUCB):
    """Take the server that may be nearest to the query, in the space that preferences made."""

    alpha: float = 0.1
    strength: float = 1.0
    prior: Prior | None = None
    trust: float = 1.0  # how many times as much as its accuracy says the prior counts
    doubted: bool = True  # whether the prior counts only as far as it foretells
    doubt: float = 0.03  # of the requests go anywhere, so that a wrong prior is found out

    def __post_init__(self) -> None:
        super().__post_init__()
        require("trust", self.trust, above=0)
        require("doubt", self.doubt, least=0, most=1)

    def dimension(self, rules: Rules) -> int:
        return super().dimension(rules) if self.prior is None else len(self.prior.offset)

    def seen(self, x: Floats, attempt: Ints) -> Floats:  # noqa: ARG002
        return unit(x) if self.prior is None else self.prior.unit(x)

    def model(self, rules: Rules, replications: int) -> Ridge:
        shape = replications, rules.arms, self.dimension(rules)
        if self.prior is None:
            return Ridge(*shape, strength=self.strength, decay=self.decay, centre=self.centre)
        return PriorRidge(
            *shape,
            doubted=self.doubted,
            strength=self.trust / self.prior.accuracy,
            decay=self.decay,
            centre=self.centre,
        )

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        if isinstance(self.utility.quality, PriorRidge):
            self.utility.quality.begin(self._places(rules))

    def index(self, context: Context, x: Floats) -> Floats:
        index = super().index(context, x)
        if self.prior is None:
            return index
        anywhere = self.rng.random((len(index), 1)) < self.doubt
        return np.where(anywhere, self.rng.random(index.shape), index)

    def probability(self, context: Context, x: Floats, action: Action) -> Floats:
        if self.prior is None:
            return super().probability(context, x, action)
        chance = np.full(len(context.rows), self.doubt)
        return greedy_probability(action, super().index(context, x), chance)

    def _places(self, rules: Rules) -> Floats:
        """(K, m) where servers begin; those that the prior does not know, in the middle."""
        assert self.prior is not None
        places = np.zeros((rules.arms, len(self.prior.offset)))
        known = unit(self.prior.servers[: rules.arms])
        places[: len(known)] = known
        return places
