"""Ridge regression for each server: the mean of a value given features, and how unsure it is.

Source: Li, Chu, Langford and Schapire 2010, "A contextual-bandit approach to personalized news
article recommendation", algorithm 1 (disjoint linear models); the inverse is kept up to date by
Sherman and Morrison's formula (1950).

    A = strength I + sum x x^T,   b = sum r x,   theta = A^-1 b,   width = sqrt(x^T A^-1 x)

With ``centre``, features explain differences from the level of their server, and its level is drawn
towards the mean m of all values seen in the replication (partial pooling: Gelman and Hill 2007,
chapter 12), n values of the server with the sum t:

    level = (t + LEVEL m) / (n + LEVEL),   theta = A^-1 (b - level s),   s = sum x
    mean = level + belief p,   p = x^T theta
    width = sqrt(belief x^T A^-1 x + 1 / (n + LEVEL))

Features may tell nothing, and the more there are the more they seem to.  With ``doubted`` they are
believed as far as they have foretold differences from the level before these were learnt
(``parts/belief``), else wholly.  That is for models that are drawn from: an upper bound that is
narrow because features are not believed yet does not find out that they matter (decision 27).

So a server is first compared as a whole and only then for its features, where they turn out to
matter; and one without observations is believed to be as good as the mean, not 0: else, where
values are high, the first server that is tried is never left.

With ``decay`` < 1 every observation of a server shrinks what was known of it before, but not the
prior: A = decay A + x x^T + (1 - decay) strength I.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from strategies.parts.belief import Belief

LEVEL = 1.0  # observations that the mean of all servers counts for, in the level of each


class Ridge:
    """One regression for each of R x K servers; lane = row x K + arm, d numbers a feature."""

    def __init__(
        self,
        replications: int,
        arms: int,
        d: int,
        *,
        strength: Floats | float = 1.0,
        decay: float = 1.0,
        centre: bool = True,
        doubted: bool = False,
    ) -> None:
        self.arms, self.d = arms, d
        self.decay, self.centre = decay, centre
        self.strength: Floats = np.broadcast_to(strength, d).astype(float)
        lanes = replications * arms
        self.inverse: Floats = np.tile(np.diag(1.0 / self.strength), (lanes, 1, 1))
        self.b: Floats = np.zeros((lanes, d))
        self.s: Floats = np.zeros((lanes, d))
        self.of_values: Floats = np.zeros((lanes, d))  # A^-1 b
        self.of_ones: Floats = np.zeros((lanes, d))  # A^-1 s
        self.count: Floats = np.zeros(lanes)
        self.sums: Floats = np.zeros(lanes)  # of values
        self.total: Floats = np.zeros(replications)  # of all values
        self.values: Floats = np.zeros(replications)  # how many
        self.belief = Belief(replications, first=1.0, decay=decay) if doubted and centre else None

    def mean(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) the estimate of every server for features ``x`` (n, d)."""
        if len(rows) == 1:
            return self._mean_of_one(rows.item(), x[0])
        values = self.of_values.reshape(-1, self.arms, self.d).take(rows, 0)
        each: Floats = np.einsum("nkd,nd->nk", values, x)
        if self.centre:
            ones = self.of_ones.reshape(-1, self.arms, self.d).take(rows, 0)
            level = self.level(rows)
            each -= level * np.einsum("nkd,nd->nk", ones, x)
            if self.belief is not None:
                each *= self.belief.of(rows)[:, None]
            each += level
        return each

    def width(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) how unsure the estimates are, in standard deviations of a value."""
        if len(rows) == 1:
            inverse = self.inverse[self._lanes(rows.item())]
            spread: Floats = (inverse @ x[0] @ x[0])[None, :]
        else:
            inverse = self.inverse.reshape(-1, self.arms, self.d, self.d).take(rows, 0)
            spread = np.einsum("nkde,nd,ne->nk", inverse, x, x, optimize=True)
        if self.belief is not None:
            spread *= self.belief.of(rows)[:, None]
        width: Floats = np.sqrt(np.maximum(spread + self._unsure(rows), 0.0))
        return width

    def pulls(self, rows: Ints) -> Floats:
        """(n, K) how many values each server has been learnt from."""
        pulls: Floats = self.count.reshape(-1, self.arms).take(rows, 0)
        return pulls

    def learn(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None:
        """Servers ``arm`` (n,) were worth ``value`` (n,) for features ``x`` (n, d)."""
        lanes = rows * self.arms + arm
        if self.belief is not None:
            self._judge(self.belief, rows, lanes, x, value)
        self.total[rows] += value
        self.values[rows] += 1.0
        if len(rows) == 1 and self.decay == 1.0:
            self._learn_one(lanes.item(), x[0], value.item())
            return
        self._shrink(lanes)
        self.b[lanes] += value[:, None] * x
        self.s[lanes] += x
        self.count[lanes] += 1.0
        self.sums[lanes] += value
        if self.decay == 1.0:
            ahead = np.einsum("nde,ne->nd", self.inverse[lanes], x)
            share = 1.0 / (1.0 + np.einsum("nd,nd->n", ahead, x))
            self.inverse[lanes] -= (share[:, None] * ahead)[:, :, None] * ahead[:, None, :]
        else:
            precision = np.linalg.inv(self.inverse[lanes])
            prior = (1.0 - self.decay) * np.diag(self.strength)
            precision = self.decay * precision + prior + x[:, :, None] * x[:, None, :]
            self.inverse[lanes] = np.linalg.inv(precision)
        self._solve(lanes)

    def refit(self, lane: int, x: Floats, value: Floats) -> None:
        """Of one server, know nothing but these: features (n, d) and their values (n,)."""
        self.inverse[lane] = np.linalg.inv(np.diag(self.strength) + x.T @ x)
        self.b[lane], self.s[lane] = value @ x, x.sum(axis=0)
        self._solve(np.array([lane]))

    def correct(self, rows: Ints, arm: Ints, x: Floats, change: Floats) -> None:
        """Values that were learnt turned out to be larger by ``change`` (n,)."""
        lanes = rows * self.arms + arm
        self.total[rows] += change
        self.sums[lanes] += change
        self.b[lanes] += change[:, None] * x
        self._solve(lanes)

    def _learn_one(self, lane: int, x: Floats, value: float) -> None:
        """As ``learn`` for one observation, as live: no array is taken out and put back."""
        inverse = self.inverse[lane]
        ahead = inverse @ x
        inverse -= np.outer(ahead, ahead / (1.0 + ahead @ x))
        self.b[lane] += value * x
        self.s[lane] += x
        self.count[lane] += 1.0
        self.sums[lane] += value
        self.of_values[lane] = inverse @ self.b[lane]
        self.of_ones[lane] = inverse @ self.s[lane]

    def _judge(self, belief: Belief, rows: Ints, lanes: Ints, x: Floats, value: Floats) -> None:
        """What features foretold of values that are about to be learnt."""
        mean = self.total.take(rows) / np.maximum(self.values.take(rows), 1.0)
        count = self.count.take(lanes)
        level = (self.sums.take(lanes) + LEVEL * mean) / (count + LEVEL)
        theta = self.of_values.take(lanes, 0) - level[:, None] * self.of_ones.take(lanes, 0)
        p = np.einsum("nd,nd->n", theta, x)
        belief.judge(rows, p, value - level)

    def _shrink(self, lanes: Ints) -> None:
        if self.decay < 1.0:
            for table in (self.b, self.s):
                table[lanes] *= self.decay
            self.count[lanes] *= self.decay
            self.sums[lanes] *= self.decay

    def _solve(self, lanes: Ints) -> None:
        inverse = self.inverse[lanes]
        self.of_values[lanes] = np.einsum("nde,ne->nd", inverse, self.b[lanes])
        self.of_ones[lanes] = np.einsum("nde,ne->nd", inverse, self.s[lanes])

    def _mean_of_one(self, row: int, x: Floats) -> Floats:
        """As ``mean`` for one request, as live."""
        at = self._lanes(row)
        one: Floats = self.of_values[at] @ x
        if self.centre:
            level = self._level_of_one(row)
            one -= level * (self.of_ones[at] @ x)
            one = level + (one if self.belief is None else self.belief.of_one(row) * one)
        return one[None, :]

    def level(self, rows: Ints) -> Floats:
        """(n, K) the mean of every server, drawn towards that of all."""
        count, sums = (
            each.reshape(-1, self.arms).take(rows, 0) for each in (self.count, self.sums)
        )
        mean = self.total.take(rows) / np.maximum(self.values.take(rows), 1.0)
        level: Floats = (sums + LEVEL * mean[:, None]) / (count + LEVEL)
        return level

    def _level_of_one(self, row: int) -> Floats:
        """(K,) the same of one replication."""
        at = self._lanes(row)
        mean = self.total.item(row) / max(self.values.item(row), 1.0)
        level: Floats = (self.sums[at] + LEVEL * mean) / (self.count[at] + LEVEL)
        return level

    def _unsure(self, rows: Ints) -> Floats:
        """(n, K) the variance of the levels."""
        return 1.0 / (self.pulls(rows) + LEVEL) if self.centre else np.zeros((len(rows), 1))

    def _lanes(self, row: int) -> slice:
        return slice(row * self.arms, (row + 1) * self.arms)
