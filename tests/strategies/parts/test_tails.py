"""CVaR and the median of means against brute force, and what is learnt of latencies."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Floats, Outcome
from strategies.parts.tails import Tails, cvar, median_of_means

HERE = np.zeros(1, dtype=np.intp)


def told(*heard: tuple[float, str], memory: int = 10, concentration: float = 1.0) -> Tails:
    """What is known of the first of two servers after attempts of these seconds and ends."""
    tails, start = Tails(1, 2, memory, concentration), np.zeros(1)
    for seconds, end in heard:
        outcome = np.array([int(dict(zip("SFRC", Outcome, strict=True))[end])])
        unknown = np.full(1, np.nan)
        tails.learn(Feedback.of(HERE, start, HERE, outcome, np.array([seconds]), unknown))
    return tails


def by_search(values: Floats, weights: Floats, worst: float) -> float:
    """CVaR as the least of c + E[(X - c)+] / worst over c (Rockafellar and Uryasev, theorem 1)."""
    excess = np.maximum(values - values[:, None], 0.0) @ (weights / weights.sum())
    return float((values + excess / worst).min())


@pytest.mark.parametrize("worst", [0.05, 0.1, 0.33, 1.0])
def test_cvar_is_what_its_definition_as_a_minimum_gives(worst: float) -> None:
    rng = np.random.default_rng(3)
    values = np.sort(rng.pareto(1.2, (4, 3, 40)))[..., ::-1]
    weights = rng.standard_gamma(1.0, values.shape)
    found = cvar(values, weights, worst)
    for place in np.ndindex(4, 3):
        expected = by_search(values[place], weights[place], worst)
        assert found[place] == pytest.approx(expected)


def test_the_median_of_means_is_that_of_each_block() -> None:
    rng = np.random.default_rng(4)
    values, weights = rng.pareto(1.2, (2, 5, 8)), rng.random((2, 5, 8))
    by_hand = [
        sorted(float(np.average(v, weights=w)) for v, w in zip(*pair, strict=True))[2]
        for pair in zip(values, weights, strict=True)
    ]
    assert median_of_means(values, weights) == pytest.approx(by_hand)


def test_draws_are_of_a_dirichlet_over_what_was_seen_and_the_shortest() -> None:
    tails = told((0.1, "S"), (0.4, "S"), (0.9, "S"), memory=5, concentration=2.0)
    rng = np.random.default_rng(5)
    drawn = np.array([tails.draw_cvar(HERE, 0.2, rng)[0] for _ in range(4000)])
    weights = rng.dirichlet([2.0] * 4, 4000)
    ordered = np.tile([0.9, 0.4, 0.1, 0.1], (4000, 1))
    expected = cvar(ordered, weights, 0.2)
    assert drawn[:, 0].mean() == pytest.approx(expected.mean(), abs=0.02)
    assert drawn[:, 0].std() == pytest.approx(expected.std(), abs=0.02)
    assert drawn[:, 1] == pytest.approx(np.full(4000, 0.1))  # not met: it may be as quick as any


def test_one_long_latency_moves_the_mean_and_not_the_median_of_means() -> None:
    heard = [(0.1, "S")] * 20
    rng = np.random.default_rng(6)
    blocks = {}
    for name, ends in (("calm", heard), ("burst", [*heard[:-1], (60.0, "S")])):
        tails = told(*ends, memory=20, concentration=1e6)
        blocks[name] = [tails.draw_mean(HERE, count, rng)[0, 0] for count in (1, 5)]
    assert blocks["calm"] == pytest.approx([0.1, 0.1], rel=1e-3)
    assert blocks["burst"] == pytest.approx([0.1 + 59.9 / 21, 0.1], rel=0.02)


def test_the_last_latencies_are_remembered() -> None:
    tails = told(*[(seconds, "S") for seconds in (9.0, 9.0, 0.1, 0.2)], memory=2)
    assert sorted(tails.ring[0, 0]) == [0.1, 0.2]
    assert tails.cvar(0.5)[0] == pytest.approx([0.2, 0.0])


def test_after_a_failure_comes_another_attempt() -> None:
    tails = told((0.1, "S"), (0.3, "S"), (0.5, "F"))
    assert tails.ring[0, 0, :3] == pytest.approx([0.1, 0.3, 0.7])
    assert tails.shortest == 0.1


def test_what_was_cut_off_would_have_taken_longer() -> None:
    tails = told((0.1, "S"), (0.4, "S"), (0.6, "S"), (0.2, "C"), (5.0, "C"))
    assert tails.ring[0, 0, 3:5] == pytest.approx([0.5, 5.0])


def test_a_refusal_says_nothing_of_latencies() -> None:
    tails = told((0.1, "S"), (0.001, "R"))
    assert tails.turn[0, 0] == 1
    assert tails.shortest == 0.1
