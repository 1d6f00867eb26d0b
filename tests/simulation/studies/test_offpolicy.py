import numpy as np
import pytest

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.studies.offpolicy import (
    Estimates,
    TooLittleExploredError,
    evaluate,
)

MEANS = np.array([[0.2, 0.7, 0.5], [0.8, 0.3, 0.5]])  # reward by context and server
TARGET = np.array([[0.05, 0.9, 0.05], [0.9, 0.05, 0.05]])


def logged(rng: np.random.Generator, n: int = 1500) -> Estimates:
    """A log of a strategy that chooses by context, not very well, and what TARGET would earn."""
    context = rng.integers(2, size=n)
    policy = np.array([[0.5, 0.2, 0.3], [0.3, 0.5, 0.2]])[context]
    arm = (rng.random((n, 1)) > policy.cumsum(axis=1)[:, :-1]).sum(axis=1)
    each = np.arange(n)
    reward = (rng.random(n) < MEANS[context, arm]).astype(float)
    return evaluate(arm, policy[each, arm], reward, TARGET[context], np.eye(2)[context])


TRUTH = float((MEANS * TARGET).sum(axis=1).mean())


@pytest.mark.parametrize("kind", ["ips", "snips", "dr"])
def test_intervals_cover_the_truth_as_often_as_they_say(kind: str) -> None:
    rng = np.random.default_rng(7)
    values = [getattr(logged(rng), kind) for _ in range(600)]
    covered = np.mean([value.low <= TRUTH <= value.high for value in values])
    assert 0.93 <= covered <= 0.97
    assert np.mean([value.mean for value in values]) == pytest.approx(TRUTH, abs=0.004)


def test_the_model_makes_the_interval_narrower_and_errors_in_it_no_bias() -> None:
    rng = np.random.default_rng(3)
    values = [logged(rng) for _ in range(50)]
    width = {
        k: np.mean([getattr(v, k).high - getattr(v, k).low for v in values]) for k in ("ips", "dr")
    }
    assert width["dr"] < 0.95 * width["ips"]


def test_weights_by_hand() -> None:
    """60 decisions of chance one half, all for server 0: each counts twice for who always does."""
    n = 60
    arm, reward = np.arange(n) % 2, (np.arange(n) % 2 == 0).astype(float)
    target = np.tile([1.0, 0.0], (n, 1))
    with pytest.raises(TooLittleExploredError, match="worth 30 of this strategy's own"):
        evaluate(arm, np.full(n, 0.5), reward, target)
    n = 200
    arm, reward = np.arange(n) % 2, (np.arange(n) % 4 == 0).astype(float)
    estimates = evaluate(arm, np.full(n, 0.5), reward, np.tile([1.0, 0.0], (n, 1)))
    assert estimates.effective == pytest.approx(100)
    assert estimates.ips.mean == estimates.snips.mean == pytest.approx(0.5)


def test_a_log_without_probabilities_is_refused() -> None:
    unknown: Floats = np.full(100, np.nan)
    with pytest.raises(TooLittleExploredError, match="with its probability"):
        evaluate(np.zeros(100, dtype=int), unknown, np.ones(100), np.ones((100, 1)))


def test_decisions_of_unknown_probability_are_left_out() -> None:
    arm, probability = np.zeros(200, dtype=int), np.ones(200)
    probability[::2] = np.nan
    reward = np.ones(200)
    reward[::2] = 0
    estimates = evaluate(arm, probability, reward, np.ones((200, 1)))
    assert estimates.decisions == 100
    assert estimates.ips.mean == 1
