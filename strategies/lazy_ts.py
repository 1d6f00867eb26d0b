"""lazy-ts: Thompson sampling that looks at a few of many servers.

Thompson sampling draws from the posterior of every server for every decision.  Here a draw is kept
until its server is looked at again, in a tree that knows the largest (``parts/tournament.py``).  A
decision looks at the servers with the largest draws, those of which something was heard first, and
at one more in turn, so that no draw is kept for ever; it draws anew for these and takes the best.
For K servers that costs about sqrt(K), for ten thousand little more than for ten.

Source: Thompson, Biometrika 25 (1933); to take the best of a few candidates is the power of d
choices (Mitzenmacher 2001), and what is computed again only where it leads is the lazy evaluation
of Minoux (1978).  Untried servers first.  A server that refused, or was not available, is left
aside until its turn; its refusals say nothing of its quality.

    draw ~ Beta(a + successes, b + failures)

It shows no index: ten thousand numbers for each decision would cost more than the decision.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.state import State
from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import GIVE_UP, Action, Context, Feedback, Floats, Ints, Rules
from strategies.parts.beta import MEANS, BetaPosterior, require_prior
from strategies.parts.counts import REFUSED, Counts
from strategies.parts.numbers import require
from strategies.parts.tournament import Tournament

NEWS = 2.0  # above every draw: something was heard of this server since
ASIDE = -1.0  # below every draw: it refused, or was not available


@dataclass
class LazyThompson(Strategy):
    """Take the largest new draw among the servers with the largest old ones."""

    looks: int = 4  # servers that a decision looks at, beside the one whose turn it is
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        require("looks", self.looks, least=1, most=1000, whole=True)
        require_prior(self.a, self.b)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.counts = Counts(replications, rules.arms)
        self.posterior = BetaPosterior(self.counts, self.a, self.b, refusals_fail=False)
        self.draws = self.posterior.draw(np.arange(replications), rng)
        self.turn = np.zeros(replications, dtype=np.intp)
        self.tree = Tournament.over(self.draws)

    def load(self, state: State) -> None:
        super().load(state)
        self.tree = Tournament.over(self.draws)

    def resize(self, keep: Ints) -> None:
        super().resize(keep)
        self.tree = Tournament.over(self.draws)

    def select(self, context: Context) -> Action:
        arm = np.full(len(context.rows), GIVE_UP)
        for place in np.flatnonzero(context.left > 0).tolist():
            arm[place] = self._one(context, place, context.rows.item(place))
        return Action(arm)

    def observe(self, feedback: Feedback) -> None:
        self.counts.learn(feedback)
        told = zip(feedback.rows.tolist(), feedback.arm, feedback.outcome == REFUSED, strict=True)
        for row, arm, refused in told:
            if refused:
                self.tree.put(row, arm[None], np.full(1, ASIDE))
            else:
                self.tree.lead(row, arm, NEWS)

    def retry_at(self, now: Floats) -> Floats:
        """At once, whatever is believed."""
        return now[:, None]

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        return self.posterior.beliefs()

    def _one(self, context: Context, place: int, row: int) -> int:
        """The server for one request; one of all where none that it looks at will do."""
        arms = np.append(self.tree.leaders(row, self.looks), self._turn(row))
        drawn = self._draw(row, arms)
        drawn[~context.available[place].take(arms)] = ASIDE
        self.tree.put(row, arms, drawn)
        drawn[context.tried[place].take(arms)] = ASIDE
        first = int(drawn.argmax())
        if drawn.item(first) != ASIDE:
            return int(arms[first])
        one = context.take(np.array([place]))
        return int(best(one, self.draws[row : row + 1]).arm[0])

    def _turn(self, row: int) -> int:
        turn: int = self.turn.item(row) % self.draws.shape[1]
        self.turn[row] = turn + 1
        return turn

    def _draw(self, row: int, arms: Ints) -> Floats:
        shapes = self.counts.ended[row, MEANS].take(arms, 1) + self.posterior.prior[:, :1]
        x, y = self.rng.standard_gamma(shapes)
        drawn: Floats = x / (x + y)
        return drawn
