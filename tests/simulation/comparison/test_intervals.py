"""Intervals cover, and groups hold what cannot be told apart."""

import numpy as np
import pytest

from flaky_load_balancer.simulation.comparison.intervals import Estimate, ranked
from flaky_load_balancer.simulation.comparison.sentences import sentence


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


def test_a_reference_is_nobody_s_rival() -> None:
    scores = {"a": np.array([3.0, 4.0, 5.1]), "oracle": np.array([9.0, 9.5, 9.0])}
    told, best = ranked(scores, {"oracle"})
    assert (told.name, told.group) == ("oracle", 0)
    assert told.behind.high < 0
    assert (best.name, best.group, best.behind.mean) == ("a", 1, 0.0)
    assert ranked({"oracle": scores["oracle"]}, {"oracle"})[0].group == 1
