"""The rounds of the strategies page are played by the real strategies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from flaky_load_balancer.admin.playground import Limits, Observation, Round, _Limiters, play
from flaky_load_balancer.core.types import HOLD, Outcome
from flaky_load_balancer.registry import built_in
from strategies import STRATEGIES
from tests.scripted import Scripted

RATES = [0.7, 0.4, 0.5]


def played(name: str, story: Sequence[Round | Observation], seed: int = 3) -> dict[str, Any]:
    return play(built_in(name), 3, story, seed)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_story_is_played_again_and_goes_on(name: str) -> None:
    long = [played(name, [RATES] * rounds)["moves"] for rounds in range(1, 21)]
    again = [played(name, [RATES] * rounds)["moves"] for rounds in range(1, 21)]
    assert [[m["server"] for m in moves] for moves in long] == [
        [m["server"] for m in moves] for moves in again
    ]
    whole = played(name, [RATES] * 20)
    assert whole["played"]["requests"] == 20
    assert 15 <= whole["played"]["delivered"] <= 20
    sent = sum(len(moves) for moves in long)
    assert sum(map(sum, whole["observed"].values())) == sent
    assert whole["played"]["effort"] == sent / 20


def test_the_luck_of_a_server_does_not_depend_on_who_asks() -> None:
    story = [[1.0, 0.0, 0.5]] * 8
    first = [
        move["outcome"]
        for n in range(1, 9)
        for move in play(Scripted([2] * 80), 3, story[:n], 1)["moves"]
        if n == 1
    ]
    other = play(Scripted([0, 2, 2, 2, 2, 2, 2, 2, 2, 2]), 3, [[0.0, 0.0, 0.5]], 1)["moves"]
    luck = [move["outcome"] for move in other if move["server"] == 2]
    assert luck == first


def test_observations_move_the_posterior() -> None:
    story = [(0, Outcome.SUCCEEDED)] * 8 + [(0, Outcome.FAILED)] * 2 + [(1, Outcome.FAILED)] * 10
    told = played("v4", story)
    np.testing.assert_allclose(told["beliefs"]["mean"], [9 / 12, 1 / 12, 1 / 2])
    assert told["observed"]["succeeded"] == [8, 0, 0]
    assert told["observed"]["failed"] == [2, 10, 0]
    assert told["played"]["requests"] == 0


def test_a_refusal_by_hand_sends_a_server_to_sleep() -> None:
    told = played("v6", [(1, Outcome.RATE_LIMITED)])
    assert list(told["beliefs"]["until"] > told["now"]) == [False, True, False]
    assert told["observed"]["rate-limited"] == [0, 1, 0]


def test_densities_are_those_of_the_beta_distribution() -> None:
    story = [(0, Outcome.SUCCEEDED)] * 8 + [(0, Outcome.FAILED)] * 2
    told = played("v2", story)
    grid, densities = told["grid"], told["density"]
    np.testing.assert_allclose(densities.mean(axis=1), 1, atol=0.01)
    assert grid[densities[0].argmax()] == pytest.approx(0.8, abs=0.01)
    assert (densities[0] * grid).mean() == pytest.approx(9 / 12, abs=0.001)
    np.testing.assert_allclose(densities[1], 1)


def test_it_prefers_what_succeeded() -> None:
    told: list[Observation] = [(1, Outcome.SUCCEEDED)] * 50 + [(0, Outcome.FAILED)] * 50
    moves = play(built_in("v4"), 2, [*told, [0.0, 1.0]], 0)["moves"]
    assert [move["server"] for move in moves] == [1]


def test_a_hold_passes_time_and_no_attempt() -> None:
    moves = play(Scripted([HOLD, HOLD, 1]), 2, [[0.0, 1.0]], 0)["moves"]
    assert [(move["attempt"], move["server"]) for move in moves] == [(1, 1)]


def test_a_bucket_fills_steadily_and_a_window_at_once() -> None:
    bucket, window = _Limiters(Limits([2.0]), 2), _Limiters(Limits([2.0], bucket=False), 2)
    times = [0.1, 0.2, 0.3, 0.65, 0.7, 1.0, 1.1, 1.2]
    assert [bucket.admits(0, t) for t in times] == [True] * 2 + [
        False,
        True,
        False,
        False,
        True,
    ] + [False]
    assert [window.admits(0, t) for t in times] == [True] * 2 + [False] * 3 + [True] * 2 + [False]
    assert all(bucket.admits(1, t) for t in times)


def test_limits_are_met_and_waiting_is_worth_it() -> None:
    story: list[Round | Observation] = [[0.9, 0.9]] * 60
    limits = Limits([2.0, 2.0])
    found = {
        name: play(built_in(name), 2, story, 0, limits) for name in ("random", "v6", "cascade")
    }
    refused = {name: sum(each["observed"]["rate-limited"]) for name, each in found.items()}
    assert min(refused["random"], refused["v6"]) > 5 * refused["cascade"] > 0
    score = {name: each["played"]["score"] for name, each in found.items()}
    assert score["cascade"] > score["random"]
