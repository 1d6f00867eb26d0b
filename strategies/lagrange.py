"""lagrange: reward less the price of failing, and the price follows what paid attempts cost.

One price instead of a budget.  It rises while more requests than planned need paid attempts, and
then a server must be better to be worth one; what is not worth its price is given up.

Source: the sketch in the original's post, after the Lagrangian of bandits with knapsacks
(Immorlica, Sankararaman, Schapire and Slivkins, arXiv 1811.11881, section 3); repaired, as its
price starts at 0 and is only ever multiplied.

    index = UCB(S / admitted) - price LCB(1 - S / n), n with refusals; never attempted first
    price = 0.1 at first; each new request: price *= 1 + step (paid / requests - paid_share),
            kept within [cheapest, dearest]
    eligible: as for ``primal-dual``, and on paid attempts only where the index is above 0
    null arm: give up where a paid attempt has no eligible server
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from strategies.parts.confidence import beliefs, lower, share, upper
from strategies.parts.cooldown import Rest
from strategies.parts.counts import REFUSED, SUCCEEDED, Counts, pulls
from strategies.parts.null_arm import best_or_null
from strategies.parts.numbers import require


@dataclass
class Lagrange(Strategy):
    """Take the most reward less the price of failing."""

    price: float = 0.1
    step: float = 0.1
    paid_share: float = 0.05  # paid attempts per request that leave the price as it is
    cheapest: float = 0.01
    dearest: float = 10.0
    confidence: float = 1.0
    cooldown: float = 1.0  # seconds

    def __post_init__(self) -> None:
        require("cheapest", self.cheapest, above=0)
        require("dearest", self.dearest, least=self.cheapest)
        require("price", self.price, least=self.cheapest, most=self.dearest)
        require("step", self.step, least=0, most=1)
        require("paid_share", self.paid_share, least=0, most=1)
        require("confidence", self.confidence, least=0)
        require("cooldown", self.cooldown, least=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        shape = replications, rules.arms
        self.rules = rules
        self.counts, self.rest = Counts(*shape), Rest(*shape, self.cooldown)
        self.prices: Floats = np.full(replications, self.price)
        self.requests: Floats = np.zeros(replications)
        self.paid: Floats = np.zeros(replications)

    def select(self, context: Context) -> Action:
        rows = context.rows
        self._reprice(rows[context.attempt == 1])
        paid = context.attempt > self.rules.free_attempts
        index = self._index(rows)
        action = best_or_null(context, paid, index, self.rest, index > 0.0, probability=1.0)
        self.paid[rows] += paid & (action.arm >= 0)
        return action

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.rest.learn(feedback)

    def retry_at(self, now: Floats) -> Floats:
        return self.rest.until(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        ended = self.counts.ended
        admitted = pulls(ended) - ended[:, REFUSED]
        price = np.repeat(self.prices[:, None], self.rules.arms, axis=1)
        believed = beliefs(ended[:, SUCCEEDED], admitted, self.confidence)
        return believed | {"until": self.retry_at(now), "price": price}

    def _reprice(self, rows: Ints) -> None:
        """A new request in each of n replications: the price follows the requests before it."""
        paid = share(self.paid[rows], self.requests[rows])
        factor = np.where(self.requests[rows] > 0, 1.0 + self.step * (paid - self.paid_share), 1.0)
        self.prices[rows] = np.clip(self.prices[rows] * factor, self.cheapest, self.dearest)
        self.requests[rows] += 1.0

    def _index(self, rows: Ints) -> Floats:
        ended = self.counts.of(rows)
        n, delivered = pulls(ended), ended[:, SUCCEEDED]
        admitted = n - ended[:, REFUSED]
        reward = upper(share(delivered, admitted), admitted, self.confidence)
        failing = lower(1.0 - share(delivered, n), n, self.confidence)
        index = reward - self.prices.take(rows)[:, None] * failing
        index[n == 0] = np.inf
        return index
