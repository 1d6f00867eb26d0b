"""Intervals cover, and groups hold what cannot be told apart."""

import numpy as np
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.intervals import Estimate, doubt, ranked, told_apart
from flaky_load_balancer.simulation.comparison.sentences import sentence
from flaky_load_balancer.simulation.engine.simulator import simulate


def test_a_known_interval() -> None:
    """Student (1908): 1, 2, 3, 4, 5 has mean 3, sd 1.5811, and t(4, .975) is 2.7764."""
    mean, low, high = Estimate.of(np.arange(1.0, 6.0))
    assert (mean, low, high) == pytest.approx((3.0, 3 - 1.96324, 3 + 1.96324), abs=1e-4)


@pytest.mark.parametrize("n", [2, 5, 50])
def test_it_covers_the_truth_in_95_of_100_cases(n: int) -> None:
    rng = np.random.default_rng(n)
    estimates = [Estimate.of(rng.normal(7.0, 3.0, n)) for _ in range(3000)]
    covered = np.mean([low <= 7.0 <= high for _, low, high in estimates])
    assert covered == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("strategy", ["v4", "p2c-ewma"])
def test_it_covers_a_mean_of_skewed_scores(strategy: str) -> None:
    """Scores of T1, of few fleets: Student's interval covers 90 and 92 of 100 (see above)."""
    rules, rng = Rules(10), np.random.default_rng(20)
    scores = simulate(
        registry.parse(strategy), scenarios.find("T1"), rules, replications=2000
    ).score
    estimates = [Estimate.of(rng.choice(scores, 20)) for _ in range(3000)]
    covered = np.mean([low <= scores.mean() <= high for _, low, high in estimates])
    assert covered == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("n", [3, 20])
@pytest.mark.parametrize("level", [0.95, 0.999])
def test_the_p_value_is_that_of_the_interval(n: int, level: float) -> None:
    values = np.random.default_rng(n).exponential(2.0, n)
    for end in Estimate.careful(values, level)[1:]:
        assert doubt(values - end) == pytest.approx(1 - level, rel=1e-6)


def test_p_values_of_degenerate_differences() -> None:
    assert doubt(np.zeros(5)) == 1.0
    assert doubt(np.array([3.0])) == 1.0
    assert doubt(np.full(5, 3.0)) == 0.0


def test_a_single_value_has_no_interval() -> None:
    assert Estimate.of(np.array([4.0])).json() == {"mean": 4.0, "ci95": [None, None]}


def test_pairing_tells_apart_what_noise_of_fleets_would_hide() -> None:
    rng = np.random.default_rng(1)
    fleets = rng.normal(90, 20, 400)
    first, second = ranked({"worse": fleets - rng.normal(0.5, 1, 400), "better": fleets})
    assert (first.name, first.group, first.behind.mean) == ("better", 1, 0.0)
    assert (second.name, second.group) == ("worse", 2)
    assert second.behind.low > 0
    assert second.behind.mean == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("fleets", [20, 100])
def test_of_twelve_alike_hardly_ever_one_is_behind(fleets: int) -> None:
    """The null, simulated: in at most 5 of 100 comparisons anything false is said."""
    rng = np.random.default_rng(fleets)
    wrong = 0
    for _ in range(200):
        fleet = -rng.exponential(3.0, fleets)
        scores = {f"v{i}": fleet - rng.exponential(1.0, fleets) for i in range(12)}
        wrong += any(each.group > 1 for each in ranked(scores))
    assert wrong <= 10


def test_what_is_said_of_two_kinds_is_right_95_times_of_100() -> None:
    """Six strategies alike, and six that are alike a point behind: who stands in a later group, and
    how far the next is behind.
    """
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(200):
        fleet = rng.normal(90, 20, 100)
        worse = {f"v{i}": float(i >= 6) for i in range(12)}
        standings = ranked({v: fleet - loss + rng.normal(0, 1, 100) for v, loss in worse.items()})
        best = standings[0]
        later = [each for each in standings if each.group > 1]
        alike = [each for each in later if worse[each.name] == worse[best.name]]
        third = [each for each in later if each.group > 2]
        gap = worse[later[0].name] - worse[best.name] if later else 0.0
        covered = not later or later[0].jointly.low <= gap <= later[0].jointly.high
        wrong += bool(alike or third or not covered)
    assert wrong <= 10


def test_holm_s_levels_fall_from_pair_to_pair() -> None:
    """Three pairs: at 5/3 %, 5/2 % and 5 %; what comes after one that is not clear is not clear."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, (3, 50))
    scores = dict(zip("abc", noise - noise.mean(axis=1, keepdims=True), strict=True))
    scores["c"] = scores["c"] - 9.0
    pairs = told_apart(scores)
    assert {pairs["a", "c"].apart, pairs["b", "c"].apart, pairs["c", "a"].apart} == {True}
    assert not pairs["a", "b"].apart
    levels = sorted(pairs[pair].level for pair in (("a", "c"), ("b", "c"), ("a", "b")))
    assert levels == pytest.approx([1 - 0.05, 1 - 0.05 / 2, 1 - 0.05 / 3])


def test_groups_begin_where_somebody_differs_from_their_first() -> None:
    rng = np.random.default_rng(2)
    fleets = rng.normal(90, 20, 400)
    scores = {
        name: fleets - behind + rng.normal(0, 1, 400)
        for name, behind in {"a": 0.0, "b": 0.01, "c": 3.0, "d": 3.01, "e": 9.0}.items()
    }
    groups = {each.name: each.group for each in ranked(scores)}
    assert groups == {"a": 1, "b": 1, "c": 2, "d": 2, "e": 3}


def test_a_noisy_difference_is_no_reason_to_be_left_out_of_a_group() -> None:
    """b is behind a for sure and c perhaps not, though c's mean is lower."""
    rng = np.random.default_rng(3)
    fleets = rng.normal(90, 20, 400)
    noise = rng.normal(0, 30, 400)
    scores = {"a": fleets, "b": fleets - 0.5 + rng.normal(0, 1, 400), "d": fleets - 9.0}
    scores["c"] = fleets - 1.0 + noise - noise.mean()
    standings = ranked(scores)
    assert [(each.name, each.group) for each in standings] == [
        *(("a", 1), ("c", 1), ("b", 2), ("d", 3))
    ]
    said = sentence(standings, 400)
    assert said.startswith("a and c cannot be told apart with 400 replications; b comes next")


def test_twins_and_single_replications_cannot_be_told_apart() -> None:
    scores = np.array([3.0, 4.0, 5.0])
    assert [each.group for each in ranked({"a": scores, "b": scores.copy()})] == [1, 1]
    assert [each.group for each in ranked({"a": scores[:1], "b": scores[1:2]})] == [1, 1]


def test_of_many_that_are_alike_five_are_named() -> None:
    standings = ranked({f"s{i}": np.array([3.0, 4.0, 5.0]) for i in range(9)})
    assert sentence(standings, 3).startswith("s0, s1, s2, s3, s4 and 4 others cannot be told apart")


def test_a_reference_is_nobody_s_rival() -> None:
    scores = {"a": np.array([3.0, 4.0, 5.1]), "oracle": np.array([9.0, 9.5, 9.0])}
    told, best = ranked(scores, {"oracle"})
    assert (told.name, told.group) == ("oracle", 0)
    assert told.behind.mean < 0
    assert (best.name, best.group, best.behind.mean) == ("a", 1, 0.0)
    assert ranked({"oracle": scores["oracle"]}, {"oracle"})[0].group == 1


def test_a_verdict_names_the_latency_that_it_costs() -> None:
    fleets = np.random.default_rng(1).normal(90, 20, 50)
    standings = ranked({"patient": fleets, "hasty": fleets - 2.0 - fleets / 1000})
    said = sentence(standings, 50, {"patient": 199.2, "hasty": 5.13})
    assert said.startswith(
        "patient (p99 199 ms) is best; hasty (p99 5.1 ms) comes next, 2.1 points behind (2.1 to"
    )
    assert "Holm" in said
