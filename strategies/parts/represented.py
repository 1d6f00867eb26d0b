"""Ridge regression on features that a neural network learns: what depends on several at once.

Source: Riquelme, Tucker and Snoek 2018 (ICLR), "Deep Bayesian Bandits Showdown", neural linear: the
last layer of a network is a Bayesian regression, the layers before it are learnt by gradient
descent on what was seen, and the regression is made anew when they have changed.

    value of server k = its line (``parts/ridge``) + belief h^T theta_k,   h = tanh(x W + w)

Unlike there, the last layer explains what a line in x leaves unexplained, and is believed as far as
it foretells that (``parts/belief``): where a line is right, nothing is lost.

A network is shared by the servers of a replication, so that all teach it.  Every observation is
followed by one step of Adam (Kingma and Ba 2015) on BATCH observations of any server, spread over
the last ``memory`` of each; the last layer is made anew for what the network has learnt once the
replication has seen GROWN times as much as before.  The work of an observation is bounded, and none
of it is done when a server is chosen.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from strategies.parts.belief import Belief
from strategies.parts.ridge import Ridge

BATCH = 64
GROWN = 1.1
GOLDEN = 0.6180339887498949  # its multiples fall evenly into [0, 1): no chance is needed
FIRST = 20  # observations before the first new features
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # of Adam


class Represented:
    """R x K regressions on d features and ``hidden`` that one of R networks makes of them."""

    def __init__(
        self,
        line: Ridge,
        replications: int,
        *,
        strength: float,
        hidden: int,
        rate: float,
        memory: int,
        rng: np.random.Generator,
    ) -> None:
        """``strength`` of the last layer; ``rate``: Adam's step; ``line``: of d features."""
        self.line, self.arms = line, line.arms
        self.rest = Ridge(replications, line.arms, hidden, strength=strength, centre=False)
        self.belief = Belief(replications, first=0.0)
        self.memory = memory
        lanes, d = replications * line.arms, line.d
        self.x: Floats = np.zeros((lanes, memory, d))
        self.value: Floats = np.zeros((lanes, memory))
        self.seen = np.zeros(lanes, dtype=np.int64)
        self.due: Floats = np.full(replications, float(FIRST))  # observations
        first = rng.standard_normal((1, d + 1, hidden)) / np.sqrt(d)
        self.used: Floats = np.tile(first, (replications, 1, 1))  # W and w of the features now
        self.inner = Adam(self.used.copy(), rate)  # W and w, which learn
        self.outer = Adam(np.zeros((lanes, hidden + 1)), rate)  # of each server, while they do
        self.steps: Floats = np.zeros(replications)

    def features(self, rows: Ints, x: Floats) -> Floats:
        """(n, hidden) h."""
        used = self.used[rows]
        hidden: Floats = np.tanh(np.einsum("nd,ndh->nh", x, used[:, :-1]) + used[:, -1])
        return hidden

    def mean(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) the estimate of every server for features ``x`` (n, d)."""
        rest = self.rest.mean(rows, self.features(rows, x))
        return self.line.mean(rows, x) + self.belief.of(rows)[:, None] * rest

    def width(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) how unsure the estimates are, in standard deviations of a value."""
        rest = self.rest.width(rows, self.features(rows, x))
        spread = self.line.width(rows, x) ** 2 + self.belief.of(rows)[:, None] * rest**2
        width: Floats = np.sqrt(spread)
        return width

    def pulls(self, rows: Ints) -> Floats:
        """(n, K) how many values each server has been learnt from."""
        return self.line.pulls(rows)

    def learn(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None:
        """Servers ``arm`` (n,) were worth ``value`` (n,) for features ``x`` (n, d)."""
        each, lanes = np.arange(len(rows)), rows * self.arms + arm
        place = self.seen[lanes] % self.memory
        self.x[lanes, place], self.value[lanes, place] = x, value
        self.seen[lanes] += 1
        hidden, left = self.features(rows, x), value - self.line.mean(rows, x)[each, arm]
        self.belief.judge(rows, self.rest.mean(rows, hidden)[each, arm], left)
        self.rest.learn(rows, arm, hidden, left)
        self.line.learn(rows, arm, x, value)
        self._step(rows)
        seen = self.seen.reshape(-1, self.arms).take(rows, 0).sum(axis=1)
        for row in rows[seen >= self.due.take(rows)].tolist():
            self._renew(row)

    def correct(self, rows: Ints, arm: Ints, x: Floats, change: Floats) -> None:
        """Values that were learnt turned out to be larger by ``change`` (n,)."""
        self.line.correct(rows, arm, x, change)
        lanes = rows * self.arms + arm
        for lane, features, more in zip(lanes.tolist(), x, change, strict=True):
            known = min(self.seen.item(lane), self.memory)
            same = np.flatnonzero((self.x[lane, :known] == features).all(axis=1))
            if same.size:  # what is left of it follows with the next features
                self.value[lane, same[-1]] += more

    def _step(self, rows: Ints) -> None:
        """One step of Adam in each of these replications."""
        kept = np.minimum(self.seen, self.memory).reshape(-1, self.arms).take(rows, 0)  # (n, K)
        until = kept.cumsum(axis=1)
        self.steps[rows] += 1.0
        steps = self.steps.take(rows)
        number = steps[:, None] * BATCH + np.arange(BATCH)
        drawn = (number * GOLDEN % 1.0 * until[:, -1:]).astype(np.intp)
        arm = (drawn[:, :, None] >= until[:, None, :]).sum(axis=2)
        who = np.arange(len(rows))[:, None]
        place = drawn - (until - kept)[who, arm]
        lanes = rows[:, None] * self.arms + arm
        x, value = self.x[lanes, place], self.value[lanes, place]
        ones = np.ones((*x.shape[:2], 1))
        x = np.concatenate([x, ones], axis=2)
        inner, outer = self.inner.weights[rows], self.outer.weights[lanes]
        hidden = np.tanh(x @ inner)
        level = self.line.level(rows)[who, arm]
        error = (hidden * outer[:, :, :-1]).sum(axis=2) + outer[:, :, -1] + level - value
        error /= BATCH
        above = error[:, :, None] * outer[:, :, :-1] * (1.0 - hidden * hidden)
        towards = np.concatenate([hidden, ones], axis=2) * error[:, :, None]
        marks = (arm[:, :, None] == np.arange(self.arms)).astype(float)
        slope = np.einsum("nbk,nbh->nkh", marks, towards)
        every = rows[:, None] * self.arms + np.arange(self.arms)
        self.inner.move(rows, x.transpose(0, 2, 1) @ above, steps)
        slope = slope.reshape(-1, slope.shape[2])
        self.outer.move(every.ravel(), slope, np.repeat(steps, self.arms))

    def _renew(self, row: int) -> None:
        """Give the regressions of a replication what its network has learnt."""
        self.used[row] = self.inner.weights[row]
        first = row * self.arms
        self.due[row] = GROWN * self.seen[first : first + self.arms].sum()
        for arm in range(self.arms):
            known = min(self.seen.item(first + arm), self.memory)
            rows, x = np.full(known, row), self.x[first + arm, :known]
            left = self.value[first + arm, :known] - self.line.mean(rows, x)[:, arm]
            self.rest.refit(first + arm, self.features(rows, x), left)


class Adam:
    """Weights that move down a slope, with momentum and a step of their own for each."""

    def __init__(self, weights: Floats, rate: float) -> None:
        self.weights, self.rate = weights, rate
        self.first, self.second = np.zeros_like(weights), np.zeros_like(weights)  # moments

    def move(self, at: Ints, slope: Floats, steps: Floats) -> None:
        """Move the weights ``at`` (n,); ``steps`` (n,) says which step of theirs this is."""
        first = self.first[at] * BETA1 + (1.0 - BETA1) * slope
        second = self.second[at] * BETA2 + (1.0 - BETA2) * slope * slope
        self.first[at], self.second[at] = first, second
        steps = steps.reshape((-1,) + (1,) * (slope.ndim - 1))
        one, two = (1.0 - beta**steps for beta in (BETA1, BETA2))
        self.weights[at] -= self.rate * (first / one) / (np.sqrt(second / two) + EPSILON)
