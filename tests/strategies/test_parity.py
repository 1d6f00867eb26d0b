"""Contextual strategies decide as other people's libraries and as the published formulas do.

mabwiser is asked for its indices over random histories.  contextualbandits comes without wheels: it
was asked once (0.3.30, built from source, in doubles), and its decisions are kept here; its LinUCB
(no intercept, alpha, lambda) and LinTS are also written out by brute force, from the whole history
at every step.  All play without what is ours: centring.

mabwiser 2.7.4 has two slips that a history must not touch: a server without history has the inverse
lambda I instead of I / lambda (so lambda is 1, or each server begins with one observation), and
"greedy" ranks it at 0.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats, Rules
from strategies.eps_greedy import EpsGreedy
from strategies.lin_eps_greedy import LinEpsGreedy
from strategies.lints import LinThompson
from strategies.linucb import LinUCB
from tests.strategies.contexts import Desk

mabwiser = pytest.importorskip("mabwiser.mab", reason="mabwiser is not installed (extra: dev)")

ARMS, D, STEPS = 4, 5, 60
RULES = Rules(ARMS, 1, 1, features=D, rewards=True)
SEEDS = st.integers(0, 2**31)


class History:
    """Random requests, servers that were chosen, whoever did, and what came of it."""

    def __init__(self, seed: int, steps: int = STEPS) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((steps, D)) * rng.choice([0.1, 1.0, 3.0], D)
        self.arm = np.concatenate([np.arange(ARMS), rng.integers(ARMS, size=steps - ARMS)])
        self.value = rng.random(steps)
        self.next: Floats = rng.standard_normal(D)

    def tell(self, strategy: Strategy) -> Desk:
        """A strategy that was told all of it."""
        desk = Desk(strategy, RULES)
        for x, arm, value in zip(self.x, self.arm, self.value, strict=True):
            desk.answer(int(arm), x, float(value))
        return desk

    def regression(self, arm: int, strength: float) -> tuple[Floats, Floats]:
        """theta (d,) and A (d, d) of a server, from all its observations at once."""
        mine = self.arm == arm
        a = strength * np.eye(D) + self.x[mine].T @ self.x[mine]
        return np.linalg.solve(a, self.x[mine].T @ self.value[mine]), a


def peer(policy: object, history: History) -> Floats:
    """(K,) the expectations of a mabwiser policy after a history, for the next request."""
    mab = mabwiser.MAB(list(range(ARMS)), policy)
    mab.fit(history.arm, history.value, history.x)
    expected = mab.predict_expectations(history.next[None, :])
    return np.array([expected[arm] for arm in range(ARMS)])


def index(desk: Desk, x: Floats) -> Floats:
    found = desk.ask(x).index
    assert found is not None
    first: Floats = found[0]
    return first


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, alpha=st.floats(0, 3), strength=st.floats(0.05, 5))
def test_linucb_has_the_indices_of_mabwiser(seed: int, alpha: float, strength: float) -> None:
    history = History(seed)
    theirs = peer(mabwiser.LearningPolicy.LinUCB(alpha=alpha, l2_lambda=strength), history)
    ours = index(history.tell(LinUCB(alpha=alpha, strength=strength, centre=False)), history.next)
    assert np.allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, strength=st.floats(0.05, 5))
def test_the_greedy_part_has_the_means_of_mabwiser(seed: int, strength: float) -> None:
    history = History(seed)
    linear = peer(mabwiser.LearningPolicy.LinGreedy(epsilon=0, l2_lambda=strength), history)
    ours = history.tell(LinEpsGreedy(epsilon=0.0, least=0.0, strength=strength, centre=False))
    assert np.allclose(index(ours, history.next), linear)
    plain = mabwiser.MAB(list(range(ARMS)), mabwiser.LearningPolicy.EpsilonGreedy(epsilon=0))
    plain.fit(history.arm, history.value)
    means = plain.predict_expectations()
    ours = history.tell(EpsGreedy(epsilon=0.0, least=0.0))
    assert np.allclose(index(ours, history.next), [means[arm] for arm in range(ARMS)])


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, alpha=st.floats(0.1, 2), strength=st.floats(0.2, 3))
def test_linucb_by_brute_force_as_contextualbandits_has_it(
    seed: int, alpha: float, strength: float
) -> None:
    history = History(seed)
    expected = []
    for arm in range(ARMS):
        theta, a = history.regression(arm, strength)
        x = history.next
        expected.append(x @ theta + alpha * np.sqrt(x @ np.linalg.solve(a, x)))
    ours = index(history.tell(LinUCB(alpha=alpha, strength=strength, centre=False)), history.next)
    assert np.allclose(ours, expected)


@pytest.mark.parametrize("seed", range(3))
def test_linucb_takes_the_decisions_of_mabwiser(seed: int) -> None:
    """Both learn from what they chose themselves, 400 times; alpha and lambda as they are there.

    With lambda 1 a server without history is the same for both.
    """
    rng = np.random.default_rng(seed)
    truth = rng.random((ARMS, D)) / D
    mab = mabwiser.MAB(list(range(ARMS)), mabwiser.LearningPolicy.LinUCB(alpha=1, l2_lambda=1))
    desk = Desk(LinUCB(alpha=1.0, strength=1.0, centre=False), RULES)
    for x in rng.random((400, D)):
        arm = desk.ask(x).arm.item()
        value = float(rng.random() < truth[arm] @ x)
        if desk.count == 1:
            mab.fit([arm], [value], x[None, :])
        else:
            assert arm == mab.predict(x[None, :])
            mab.partial_fit([arm], [value], x[None, :])
        desk.answer(arm, x, value)


# By seed: what contextualbandits chose, which breaks ties between untried servers by chance.
GOLDEN = (
    "0311133333133301003230311011131001112013001133101312111101103303311331",
    "0021133013120133300132000213200022200222232212310110301311020232003010",
    "0003223200000212220320001002001300330003300002333331033030001033302022",
)


@pytest.mark.parametrize("seed", range(3))
def test_linucb_takes_the_decisions_of_contextualbandits(seed: int) -> None:
    """The same requests and rewards; each learns from what ours chose."""
    rng = np.random.default_rng(seed)
    truth = rng.random((ARMS, D)) / D
    desk = Desk(LinUCB(alpha=1.0, strength=1.0, centre=False), RULES)
    requests = rng.random((300, D))
    for x, theirs in zip(requests, map(int, GOLDEN[seed]), strict=False):
        action = desk.ask(x)
        assert action.index is not None
        assert action.index[0, theirs] == pytest.approx(action.index.max(), abs=1e-9)
        arm = action.arm.item()
        value = float(rng.random() < truth[arm] @ x)
        desk.answer(arm, x, value)


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, v=st.floats(0.1, 1), variance=st.floats(0.3, 3))
def test_lints_draws_from_the_posterior(seed: int, v: float, variance: float) -> None:
    """x^T theta, theta ~ N(A^-1 b, v^2 A^-1), is normal: 300 draws of every server fit it.

    mabwiser draws the same theta whole; here is drawn what of it counts.
    """
    history = History(seed)
    desk = history.tell(LinThompson(v=v, variance=variance, centre=False))
    draws = np.array([index(desk, history.next) for _ in range(300)])
    for arm in range(ARMS):
        theta, a = history.regression(arm, 1.0 / variance)
        x = history.next
        scale = v * np.sqrt(x @ np.linalg.solve(a, x))
        standard = (draws[:, arm] - x @ theta) / scale
        assert stats.kstest(standard, "norm").pvalue > 1e-5


def test_epsilon_falls_as_published() -> None:
    """epsilon_t = max(least, epsilon x decay^t), read off the probability of what was chosen."""
    desk = Desk(EpsGreedy(epsilon=0.8, epsilon_decay=0.9, least=0.1), RULES)
    x = np.ones(D)
    desk.answer(2, x, 1.0)
    for t in range(40):
        action = desk.ask(x)
        epsilon = max(0.1, 0.8 * 0.9**t)
        assert action.probability is not None
        greedy = action.arm.item() == 2
        assert action.probability.item() == pytest.approx(epsilon / ARMS + (1 - epsilon) * greedy)
