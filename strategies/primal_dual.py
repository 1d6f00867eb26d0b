"""primal-dual: bandits with knapsacks, where what is used a lot becomes dear.

A round is an attempt, its reward a delivery.  It uses up resources: time, the admissions of its
server, and if it is paid one of the paid attempts.  Each has a price; the server with the most
reward for its price is played.  As the limits of good servers are used, others become attractive.

Source: Badanidiyuru, Kleinberg and Slivkins, "Bandits with knapsacks" (arXiv 1305.2545), section
5, algorithm 2 (PrimalDualBwK), of which three things are ours: a budget that is what comes back in
an episode, episodes in place of the stop at the first empty budget, and sleeping arms.

    index = UCB(S / n) / (v . LCB(cost)); servers never attempted first; n with refusals
    T rounds, q of them a second (of the run so far, at least ``memory`` seconds)
    limits r_i as ``limit_rate`` estimates them; none, and cost 0, before a first refusal
    budgets:  time T, paid attempts B_p = paid_share T, admissions B_i = T min(1, r_i / q)
    costs, scaled to the smallest budget B:  time B / T;  paid B / B_p;  server i
              B / B_i x admitted / n
    prices:   v_j <- v_j (1 + eps)^LCB(cost_j), eps = sqrt(ln d / B), d = K + 2; 1 in a new episode
    eligible: servers that rest no longer after a refusal; on free attempts untried ones
    null arm: give up where a paid attempt has no eligible server or B_p is spent

Time and the price of a paid attempt are known; only admissions have a confidence bound.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Bools, Context, Feedback, Floats, Rules, Sent
from strategies.parts.confidence import beliefs, lower, share, upper
from strategies.parts.cooldown import Rest
from strategies.parts.counts import REFUSED, SUCCEEDED, Counts, pulls
from strategies.parts.episode import Episode
from strategies.parts.limit_rate import LimitRate
from strategies.parts.null_arm import best_or_null
from strategies.parts.numbers import require
from strategies.parts.prices import Prices
from strategies.parts.stopwatch import AttemptRate


@dataclass
class Costs:
    """What n attempts would cost, and the budget B that they are scaled to."""

    shared: Floats  # (n, 2) time and paid attempts, on any server
    own: Floats  # (n, K) admissions of each server
    budget: Floats  # (n,)


@dataclass
class PrimalDual(Strategy):
    """Take the most plausible reward for the least plausible price."""

    rounds: int = 1000
    paid_share: float = 0.05
    confidence: float = 1.0
    cooldown: float = 1.0  # seconds
    fall: float = 0.7
    growth: float = 0.4  # per second, cubed
    least: float = 0.5  # admissions per second
    memory: float = 1.0  # seconds

    def __post_init__(self) -> None:
        require("rounds", self.rounds, least=1, whole=True)
        require("paid_share", self.paid_share, above=0, most=1)
        require("confidence", self.confidence, least=0)
        require("cooldown", self.cooldown, least=0)
        require("fall", self.fall, least=0, most=1)
        for name in ("growth", "least", "memory"):
            require(name, getattr(self, name), above=0)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        shape = replications, rules.arms
        self.rules = rules
        self.counts, self.rest = Counts(*shape), Rest(*shape, self.cooldown)
        self.episode = Episode(replications, self.rounds, self.paid_share)
        self.rate = AttemptRate(replications, self.memory)
        self.prices = Prices(replications, 2, rules.arms)
        self.limits = LimitRate(
            *shape, fall=self.fall, growth=self.growth, least=self.least, memory=self.memory
        )

    def select(self, context: Context) -> Action:
        self.prices.restart(self.episode.begin(context.rows))
        paid = context.attempt > self.rules.free_attempts
        ended = self.counts.of(context.rows)
        costs = self._costs(context, ended, paid)
        index = self._index(context, ended, costs)
        payable = self.episode.spent(context.rows)[:, None] < 1.0
        action = best_or_null(context, paid, index, self.rest, payable, probability=1.0)
        self._account(context, action, costs, pulls(ended))
        return action

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        self.rest.learn(feedback)
        self.limits.learn(feedback)

    def note(self, sent: Sent) -> None:
        """Limits are shared with replicas: what they send counts towards the rate of attempts."""
        self.rate.count(sent.rows[~sent.promised])

    def retry_at(self, now: Floats) -> Floats:
        return self.rest.until(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        ended = self.counts.ended
        return beliefs(ended[:, SUCCEEDED], pulls(ended), self.confidence) | {
            "until": self.retry_at(now),
            "capacity": self.limits.capacity(now),
            "price": self.prices.value[:, self.prices.shared :].copy(),
        }

    def _costs(self, context: Context, ended: Floats, paid: Bools) -> Costs:
        """Budgets are in shares of T, so that the smallest is also the scale of all costs."""
        n = pulls(ended)
        rate = self.rate.per_second(context.rows, context.now)[:, None]
        limit = self.limits.of(context.rows, context.now)
        budget = np.minimum(limit / rate, 1.0)
        scale = np.minimum(budget.min(axis=1), self.paid_share)
        admitted = scale[:, None] / budget * share(n - ended[:, REFUSED], n)
        own = np.where(np.isfinite(limit), lower(admitted, n, self.confidence), 0.0)
        shared = np.stack([scale, scale / self.paid_share * paid], axis=1)
        return Costs(shared, own, scale * self.rounds)

    def _index(self, context: Context, ended: Floats, costs: Costs) -> Floats:
        n = pulls(ended)
        reward = upper(share(ended[:, SUCCEEDED], n), n, self.confidence)
        index = reward / self.prices.charge(context.rows, costs.shared, costs.own)
        index[n == 0] = np.inf
        return index

    def _account(self, context: Context, action: Action, costs: Costs, n: Floats) -> None:
        """Count what is sent, and raise the prices of what was used after its first attempt."""
        sent = np.flatnonzero(action.arm >= 0)
        rows, arm = context.rows[sent], action.arm[sent]
        self.episode.count(rows, context.attempt[sent] > self.rules.free_attempts)
        self.rate.count(rows)
        known = n[sent, arm] > 0
        those, rows, arm = sent[known], rows[known], arm[known]
        own = costs.own[those, arm]
        self.prices.rise(rows, arm, costs.shared[those], own, costs.budget[those])
