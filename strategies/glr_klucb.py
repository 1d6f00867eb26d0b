"""glr-klucb: KL-UCB that begins again when a server's rate is seen to change.

The change is told by a generalised likelihood ratio, which needs no size of change and no rate
before it.  To see changes of servers that are not the best, every server is chosen in turn, the
oftener the more changes there were.

Source: Besson, Kaufmann, Maillard and Seznec, JMLR 2022 (arXiv 1902.01575), algorithm 1.  For T
rounds they take delta = 1 / sqrt(T) and explore = sqrt(K ln T / T), and look for changes as
here: after every 10th attempt on a server.  ``restart=local`` begins again with the server that
changed, ``global`` with all.  Untried servers first, refusals are failures.

    index = max {q: n kl(S / n, q) <= ln(t - r)}, S and n since r, the server's last change
    server i of K is chosen in rounds i, i + P, i + 2 P, ... after a change,
        P = K / (explore sqrt(changes + 1)), rounded down
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Ints, Rules
from strategies.parts.change import LikelihoodRatio
from strategies.parts.counts import SUCCEEDED, Counts, pulls
from strategies.parts.kl import kl_upper
from strategies.parts.numbers import require, require_one_of
from strategies.parts.window import rounds

RESTARTS = "local", "global"


@dataclass
class GLRKLUCB(Strategy):
    """Take the largest rate that what was seen since the last change does not rule out."""

    delta: float = 0.01
    explore: float = 0.1
    restart: str = "local"

    def __post_init__(self) -> None:
        require("delta", self.delta, above=0, most=1)
        require("explore", self.explore, least=0, most=1)
        require_one_of("restart", self.restart, RESTARTS)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        shape = replications, rules.arms
        self.counts = Counts(*shape)
        self.detector = LikelihoodRatio(shape, self.delta)
        self.rounds: Floats = np.zeros(replications)
        self.changes: Floats = np.zeros(replications)
        self.changed_at: Floats = np.zeros(replications)  # rounds
        self.born: Floats = np.zeros(shape)  # rounds before a server's last change

    def select(self, context: Context) -> Action:
        index = self._index(context.rows)
        forced = self._forced(context.rows, index.shape[1])
        turn = np.flatnonzero(forced < index.shape[1])
        index[turn, forced[turn]] = np.inf
        return best(context, index, probability=1.0)

    def observe(self, feedback: Feedback) -> None:
        feedback = rounds(feedback)
        rows, arm = feedback.rows, feedback.arm
        self.counts.learn(feedback)
        self.rounds[rows] += 1.0
        alarm = self.detector.learn(rows, arm, feedback.outcome == SUCCEEDED)
        if np.count_nonzero(alarm):
            self._restart(rows[alarm], arm[alarm])

    def alarms(self) -> Floats:
        return self.detector.alarms

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        rows = np.arange(len(now))
        ended = self.counts.ended
        n = pulls(ended)
        rate = ended[:, SUCCEEDED] / np.maximum(n, 1.0)
        level = self._level(rows) / np.maximum(n, 1.0)
        return {
            "mean": np.where(n > 0, rate, 0.5),
            "low": np.where(n > 0, 1.0 - kl_upper(1.0 - rate, level), 0.0),
            "high": np.where(n > 0, kl_upper(rate, level), 1.0),
        }

    def _index(self, rows: Ints) -> Floats:
        ended = self.counts.of(rows)
        n = pulls(ended)
        once = np.maximum(n, 1.0)
        index = kl_upper(ended[:, SUCCEEDED] / once, self._level(rows) / once)
        index[n == 0] = np.inf
        return index

    def _level(self, rows: Ints) -> Floats:
        """(n, K) ln of the rounds since each server's last change."""
        age = self.rounds.take(rows)[:, None] - self.born.take(rows, 0)
        level: Floats = np.log(np.maximum(age, 1.0))
        return level

    def _forced(self, rows: Ints, arms: int) -> Ints:
        """(n,) the server whose turn it is, or any number from K on."""
        if not self.explore:
            return np.full(len(rows), arms)
        often = np.minimum(self.explore * np.sqrt(self.changes.take(rows) + 1.0), 1.0)
        period = np.floor(arms / often)
        since = self.rounds.take(rows) - self.changed_at.take(rows)
        return (since % period).astype(np.intp)

    def _restart(self, rows: Ints, arm: Ints) -> None:
        self.changes[rows] += 1.0
        self.changed_at[rows] = self.rounds[rows]
        arms = self.counts.ended.shape[2]
        if self.restart == "global":
            rows, arm = np.repeat(rows, arms), np.tile(np.arange(arms), len(rows))
        self.born[rows, arm] = self.rounds[rows]
        self.counts.forget(rows, arm)
        self.detector.forget(rows, arm)
