"""mixllm: predicted quality against predicted cost, with uncertainty, waiting and users' feedback.

Source: Wang et al. 2025, arXiv 2502.18482 ("MixLLM: Dynamic Routing in Mixed Large Language
Models").  Predictors of quality and of cost are ridge regressions on random features of a query
(Rahimi and Recht 2007), which learn from the server that was chosen; answers' lengths times prices
are learnt as the dollars that they are.

    s = lambda / (lambda + 1) p - 1 / (lambda + 1) c + alpha e^T A^-1 e
        - beta exp(gamma (w - xi tau))
    s' = s + kappa s_df,   kappa = 1 / (Var s_df + eps)
    theta_df += eta (mark of the chosen - softmax(s_df)) e^T r        (policy gradient)

p and c are predictions, c scaled so that the dearest server's is 1; w is the mean time that answers
of a server took lately, tau the time that is allowed; s_df = theta_df e answers users' feedback.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Context, Feedback, Floats, Ints, Outcome, Reward, Rules
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility
from strategies.parts.random_features import RandomFeatures
from strategies.parts.ridge import Ridge
from strategies.parts.utility import features

EPSILON = 1.0  # of kappa
LATELY = 0.1  # the weight of the last answer's time


@dataclass
class MixLLM(OnUtility):
    """Take the server with the best trade of quality and cost, uncertainty and waiting counted."""

    trade: float = 10.0  # lambda
    alpha: float = 0.1
    beta: float = 0.1
    gamma: float = 0.5
    xi: float = 1.0
    tau: float = 10.0  # seconds
    eta: float = 0.01
    width: int = 64  # random features
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("trade", "tau", "strength"):
            require(name, getattr(self, name), above=0)
        for name in ("alpha", "beta", "gamma", "xi", "eta"):
            require(name, getattr(self, name), least=0)
        require("width", self.width, least=1, most=1024, whole=True)

    def dimension(self, rules: Rules) -> int:  # noqa: ARG002
        return self.width

    def seen(self, x: Floats, attempt: Ints) -> Floats:  # noqa: ARG002
        return self.random.of(x)

    def model(self, rules: Rules, replications: int) -> Ridge:
        shape = replications, rules.arms, self.width
        return Ridge(*shape, strength=self.strength, decay=self.decay)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.random = RandomFeatures(max(1, rules.features), self.width, rng)
        super().reset(rules, replications, rng)
        self.price = self.model(rules, replications)
        self.theta: Floats = np.zeros((replications, rules.arms, self.width))  # of s_df
        self.scores: Floats = np.zeros((replications, rules.arms))  # mean of s_df, and
        self.squares: Floats = np.zeros((replications, rules.arms))  # of its square
        self.waited: Floats = np.zeros((replications, rules.arms))

    def index(self, context: Context, x: Floats) -> Floats:
        rows, share = context.rows, self.trade / (self.trade + 1.0)
        cost = np.maximum(self.price.mean(rows, x), 0.0)
        dearest = np.maximum(cost.max(axis=1, keepdims=True), 1e-12)
        score = share * self.utility.quality.mean(rows, x) - (1.0 - share) * cost / dearest
        score += self.alpha * self.utility.quality.width(rows, x) ** 2
        late = np.minimum(self.gamma * (self.waited.take(rows, 0) - self.xi * self.tau), 50.0)
        score += self._confidence(rows) * self._feedback(rows, x)
        index: Floats = score - self.beta * np.exp(late)
        return index

    def observe(self, feedback: Feedback) -> None:
        super().observe(feedback)
        ended = np.flatnonzero(feedback.outcome <= Outcome.FAILED)
        if ended.size:
            rows, arm = feedback.rows.take(ended), feedback.arm.take(ended)
            x = self._seen(feedback).take(ended, 0)
            self.price.learn(rows, arm, x, feedback.cost.take(ended))
            change = feedback.latency.take(ended) - self.waited[rows, arm]
            self.waited[rows, arm] += LATELY * change
            if not self.rules.rewards:
                succeeded = feedback.outcome.take(ended) == Outcome.SUCCEEDED
                self._follow(rows, arm, x, succeeded.astype(float))

    def reward(self, reward: Reward) -> None:
        super().reward(reward)
        x = self.seen(features(reward.rows, reward.features), np.ones(1, dtype=np.intp))
        value = reward.value - np.nan_to_num(reward.previous)
        self._follow(reward.rows, reward.arm, x, value)

    def _feedback(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) s_df."""
        score: Floats = np.einsum("nkm,nm->nk", self.theta.take(rows, 0), x)
        return score

    def _confidence(self, rows: Ints) -> Floats:
        """(n, K) kappa."""
        mean = self.scores.take(rows, 0)
        variance = np.maximum(self.squares.take(rows, 0) - mean * mean, 0.0)
        confidence: Floats = 1.0 / (variance + EPSILON)
        return confidence

    def _follow(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None:
        """A step along the gradient of the expected reward."""
        score = self._feedback(rows, x)
        policy = np.exp(score - score.max(axis=1, keepdims=True))
        policy /= policy.sum(axis=1, keepdims=True)
        push = -policy
        push[np.arange(len(arm)), arm] += 1.0
        self.theta[rows] += self.eta * value[:, None, None] * push[:, :, None] * x[:, None, :]
        self.scores[rows] += LATELY * (score - self.scores[rows])
        self.squares[rows] += LATELY * (score * score - self.squares[rows])
