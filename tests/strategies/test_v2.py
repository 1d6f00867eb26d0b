"""V2 by hand: UCB1."""

from math import inf, log, sqrt

import pytest

from strategies.v2_ucb1 import UCB1
from tests.strategies.table import Table, choices


def test_the_very_first_choice_is_uniform() -> None:
    assert choices(UCB1) == {0, 1, 2}
    assert choices(UCB1, attempt=2, tried=(1,)) == {0, 2}


def test_it_stays_uniform_until_an_attempt_has_ended_that_was_not_cancelled() -> None:
    chosen = set()
    for seed in range(40):
        played = Table(UCB1(), seed=seed)
        played.tell(0, "C")
        chosen.add(played.arm())
    assert chosen == {0, 1, 2}


def test_unattempted_servers_come_first_in_order() -> None:
    played = Table(UCB1())
    played.tell(1, "S")
    assert played.index() == [inf, 1.0, inf]  # ln 1 = 0
    assert played.arm() == 0
    assert played.arm(2, tried=(0,)) == 2
    assert played.arm(3, tried=(0, 2)) == 1


def test_then_rate_plus_width() -> None:
    played = Table(UCB1())
    played.tell(0, "SSF")
    played.tell(1, "SF")
    played.tell(2, "SSSSR")  # the refusal is a failure
    width = [sqrt(2 * log(10) / n) for n in (3, 2, 5)]
    assert played.index() == pytest.approx([2 / 3 + width[0], 1 / 2 + width[1], 4 / 5 + width[2]])
    assert played.arm() == 1
    assert played.arm(2, tried=(1,)) == 0
    assert played.arm(3, tried=(0, 1)) == 2


def test_the_exploration_is_under_the_root() -> None:
    played = Table(UCB1(exploration=0.5), 1)
    played.tell(0, "SF")
    assert played.index() == pytest.approx([1 / 2 + sqrt(0.5 * log(2) / 2)])


def test_ties_go_to_the_lowest_index() -> None:
    played = Table(UCB1())
    for arm in (2, 1, 0):
        played.tell(arm, "S")
    assert played.arm() == 0


def test_beliefs_are_rate_and_width_within_bounds() -> None:
    played = Table(UCB1(exploration=0.1), 2)
    played.tell(0, "SF" * 10)
    width = sqrt(0.1 * log(20) / 20)
    beliefs = played.beliefs()
    assert beliefs["mean"] == [0.5, 0.5]
    assert beliefs["low"] == pytest.approx([0.5 - width, 0.0])
    assert beliefs["high"] == pytest.approx([0.5 + width, 1.0])


def test_beliefs_are_clipped() -> None:
    played = Table(UCB1(), 2)
    played.tell(0, "S")
    played.tell(1, "F")
    assert played.beliefs() == {"mean": [1.0, 0.0], "low": [0.0, 0.0], "high": [1.0, 1.0]}


def test_hyperparameters_are_checked() -> None:
    with pytest.raises(ValueError, match="exploration must be a number at least 0, not -1"):
        UCB1(exploration=-1)
