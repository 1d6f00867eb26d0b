"""The rounds of the strategies page are played by the real strategies."""

import numpy as np
import pytest

from flaky_load_balancer.catalogue import built_in
from flaky_load_balancer.planes.play import play
from flaky_load_balancer.types import HOLD, Outcome
from strategies import STRATEGIES
from tests.scripted import Scripted


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_arguments_give_the_same_rounds(name: str) -> None:
    first, second = (play(built_in(name), [0.7, 0.4, 0.5], [], 20, 3) for _ in range(2))
    assert [m["server"] for m in first["moves"]] == [m["server"] for m in second["moves"]]
    delivered = sum(move["outcome"] == "succeeded" for move in first["moves"])
    assert 15 <= delivered <= 20


def test_history_moves_the_posterior() -> None:
    history = [(0, Outcome.SUCCEEDED)] * 8 + [(0, Outcome.FAILED)] * 2 + [(1, Outcome.FAILED)] * 10
    beliefs = play(built_in("v4"), [0.5, 0.5], history, 0, 0)["beliefs"]
    np.testing.assert_allclose(beliefs["mean"], [9 / 12, 1 / 12])


def test_it_prefers_what_succeeded() -> None:
    history = [(1, Outcome.SUCCEEDED)] * 50 + [(0, Outcome.FAILED)] * 50
    moves = play(built_in("v4"), [0.0, 1.0], history, 10, 0)["moves"]
    assert [move["server"] for move in moves] == [1] * 10


def test_a_hold_passes_time_and_no_attempt() -> None:
    moves = play(Scripted([HOLD, HOLD, 1]), [0.0, 1.0], [], 1, 0)["moves"]
    assert [(move["attempt"], move["server"]) for move in moves] == [(1, 1)]
