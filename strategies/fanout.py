"""fanout: sends a request to several servers at once where that is worth it; the first answer wins.

Where an answer is of use only soon, trying again after a failure comes too late.  A set of servers
answers in time unless all of them fail to: so of every size the best set is that of the largest
chances p_1 >= p_2 >= ... of an answer within ``soon`` seconds, and one more server is worth

    (1 - p_1) ... (1 - p_k) p_(k+1)

The set grows as long as that is more than ``cost``: what one more attempt costs, in requests.  The
chances are learnt from each attempt of a set alone (semi-bandit feedback): it was in time, or not;
if it was called off before, it says nothing.

Source: Chen, Wang and Yuan, ICML 2013, for sets made of the indices of their parts; Wang and Chen,
ICML 2018, for drawing these as Thompson sampling does.  Here draws say which servers come next and
means how many: draws there would only add attempts.  Untried servers first, refusals are failures.
With ``after`` the next attempt begins so many seconds later, as a hedge.

    index = draw ~ Beta(a + in time, b + not in time)
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from strategies.parts.beta import BetaPosterior, require_prior
from strategies.parts.counts import FAILED, REFUSED, Counts
from strategies.parts.numbers import require

REMEMBERED = 256  # requests of each replication


@dataclass
class Fanout(Strategy):
    """Send copies of a request as long as one more is worth its cost."""

    soon: float = 1.0  # seconds within which an answer is of use
    cost: float = 0.1  # requests that an attempt beside another one costs
    most: int = 4  # attempts of a request at once
    after: float = 0.0  # seconds between them
    a: float = 1.0
    b: float = 1.0

    transient: ClassVar = ("sets",)

    def __post_init__(self) -> None:
        require("soon", self.soon, above=0)
        require("cost", self.cost, least=0, most=1)
        require("most", self.most, least=1, most=100, whole=True)
        require("after", self.after, least=0)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=True)
        self.sets = Sets(replications)

    def select(self, context: Context) -> Action:
        rows = context.rows
        draw = self.posterior.draw(rows, self.rng)
        action = best(context, draw)
        each = np.flatnonzero(action.arm >= 0)
        sent, arm = context.take(each), action.arm.take(each)
        shapes = self.posterior.shapes(sent.rows)
        chance = shapes[:, 0] / shapes.sum(axis=1)
        place = np.arange(len(each))
        missing, size = self.sets.add(sent.rows, sent.request, chance[place, arm])
        others = sent.available & ~sent.tried
        others[place, arm] = False
        worth = missing * np.where(others, chance, 0.0).max(axis=1, initial=0.0)
        more = (worth > self.cost) & (size < self.most) & (sent.left > 1)
        action.beside = np.full(len(rows), np.inf)
        action.beside[each[more]] = self.after
        return action

    def observe(self, feedback: Feedback) -> None:
        self.sets.end(feedback.rows, feedback.request)
        late = feedback.latency > self.soon
        in_vain = late & (feedback.outcome != REFUSED)  # called off ones as well
        outcome = np.where(in_vain, FAILED, feedback.outcome)
        self.counts.learn(replace(feedback, outcome=outcome))

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()


class Sets:
    """The latest requests: how many attempts are under way, and the chance that all are in vain."""

    def __init__(self, replications: int) -> None:
        self.request = np.full((replications, REMEMBERED), -1, dtype=np.int64)
        self.size = np.zeros((replications, REMEMBERED), dtype=np.intp)
        self.missing: Floats = np.ones((replications, REMEMBERED))

    def add(self, rows: Ints, request: Ints, chance: Floats) -> tuple[Floats, Ints]:
        """(n,) each: that chance and the number, with one more attempt of such a chance each."""
        place = request % REMEMBERED
        alone = (self.request[rows, place] != request) | (self.size[rows, place] < 1)
        self.request[rows, place] = request
        self.missing[rows, place] = (1 - chance) * np.where(alone, 1, self.missing[rows, place])
        self.size[rows, place] = 1 + np.where(alone, 0, self.size[rows, place])
        return self.missing[rows, place], self.size[rows, place]

    def end(self, rows: Ints, request: Ints) -> None:
        """An attempt of each of these requests ended."""
        place = request % REMEMBERED
        self.size[rows, place] -= self.request[rows, place] == request
