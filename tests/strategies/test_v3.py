"""V3 by hand: UCB with the constant 3 before the root."""

from math import inf, log, sqrt

import pytest

from strategies.v3_adjusted_ucb import AdjustedUCB
from tests.strategies.table import Table, choices


def test_the_very_first_choice_is_uniform() -> None:
    assert choices(AdjustedUCB) == {0, 1, 2}


def test_unattempted_servers_come_first_in_order() -> None:
    played = Table(AdjustedUCB())
    played.tell(0, "S")
    assert played.index() == [1.0, inf, inf]
    assert played.arm() == 1


def test_then_rate_plus_three_widths() -> None:
    played = Table(AdjustedUCB())
    played.tell(0, "SSSF")
    played.tell(1, "SF")
    played.tell(2, "SR")
    width = [3 * sqrt(log(8) / n) for n in (4, 2, 2)]
    assert played.index() == pytest.approx([3 / 4 + width[0], 1 / 2 + width[1], 1 / 2 + width[2]])
    assert played.arm() == 1  # ties with 2: the lowest index


def test_it_is_bolder_than_ucb1() -> None:
    played = Table(AdjustedUCB(), 2)
    played.tell(0, "S" * 12)
    played.tell(1, "F" * 4)  # UCB1 has 1.68 against 1.18
    assert played.arm() == 1


def test_hyperparameters_are_checked() -> None:
    with pytest.raises(ValueError, match="exploration must be a number at least 0"):
        AdjustedUCB(exploration=float("nan"))
