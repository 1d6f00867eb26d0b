"""Paid attempts are the same for V1-V8: the largest rate of the whole run."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Rules
from strategies import STRATEGIES
from tests.strategies.table import Table

EIGHT = [f"v{number}" for number in range(1, 9)]
every_one = pytest.mark.parametrize("name", EIGHT)


def table(name: str, arms: int = 3, free: int = 3) -> Table:
    return Table(STRATEGIES[name](), arms, free=free)


@every_one
@pytest.mark.parametrize("attempt", [4, 5, 10])
def test_a_paid_attempt_goes_to_the_largest_rate_though_it_was_tried(
    name: str, attempt: int
) -> None:
    played = table(name)
    played.tell(0, "SF")
    played.tell(1, "SSF")
    played.tell(2, "F")
    assert played.index(attempt) == [1 / 2, 2 / 3, 0.0]
    assert played.eligible(attempt, tried=(0, 1, 2)) == [0, 1, 2]
    assert played.arm(attempt, tried=(1,)) == 1


@every_one
def test_servers_never_attempted_are_no_candidates(name: str) -> None:
    played = table(name)
    played.tell(2, "F")
    assert played.index(4) == [-1.0, -1.0, 0.0]
    assert played.arm(4, tried=(2,)) == 2


@every_one
def test_with_nothing_attempted_it_is_the_first_server(name: str) -> None:
    assert table(name).arm(4) == 0


@every_one
def test_ties_go_to_the_lowest_index(name: str) -> None:
    played = table(name)
    played.tell(1, "SF")
    played.tell(2, "SF")
    assert played.arm(4) == 1


@every_one
def test_refusals_lower_the_rate(name: str) -> None:
    played = table(name)
    played.tell(0, "SSR")
    played.tell(1, "SSSF")
    assert played.index(4) == [2 / 3, 3 / 4, -1.0]


@every_one
def test_cancelled_attempts_do_not_count(name: str) -> None:
    played = table(name)
    played.tell(0, "SCCCF")
    played.tell(1, "C")
    assert played.index(4) == [1 / 2, -1.0, -1.0]


@every_one
def test_cooling_and_blocked_servers_are_taken(name: str) -> None:
    played = table(name)
    played.tell(0, "SSSSR", now=100.0)
    played.tell(1, "F", now=100.0)
    assert played.arm(4, now=100.0) == 0


@every_one
def test_a_free_attempt_with_every_server_tried_is_as_paid(name: str) -> None:
    played = table(name, arms=2)
    played.tell(0, "F")
    played.tell(1, "SF")
    assert played.index(3, tried=(0, 1)) == [0.0, 1 / 2]
    assert played.arm(3, tried=(0, 1)) == 1


@every_one
def test_how_many_attempts_are_free_is_a_rule_of_the_game(name: str) -> None:
    played = table(name, free=0)
    played.tell(2, "S")
    assert played.index(1) == [-1.0, -1.0, 1.0]


@every_one
def test_free_and_paid_attempts_mix_in_a_batch(name: str) -> None:
    strategy = STRATEGIES[name]()
    strategy.reset(Rules(3), 4, np.random.default_rng(0))
    tried = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1], [1, 1, 1]], dtype=bool)
    attempt = np.array([3, 4, 3, 3])
    rows, now = np.array([2, 0, 3, 1]), np.full(4, 5.0)
    action = strategy.select(Context.of(rows, now, attempt, tried, now + 10))
    assert action.arm.tolist() == [2, 0, 0, 0]
    assert action.index is not None
    assert action.index[1].tolist() == action.index[3].tolist() == [-1.0, -1.0, -1.0]
    assert action.eligible is not None
    assert action.eligible.tolist() == [
        [False, False, True],
        [True, True, True],
        [True, False, False],
        [True, True, True],
    ]
