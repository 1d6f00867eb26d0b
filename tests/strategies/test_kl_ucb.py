"""kl-ucb by hand."""

from math import exp, inf, log

import pytest

from strategies.kl_ucb import KLUCB
from tests.strategies.parts.test_kl import bisected
from tests.strategies.table import Table, choices


def test_the_very_first_choice_is_uniform() -> None:
    assert choices(KLUCB) == {0, 1, 2}


def test_unattempted_servers_come_first_in_order() -> None:
    played = Table(KLUCB())
    played.tell(1, "S")
    assert played.index() == [inf, 1.0, inf]
    assert played.arm(2, tried=(0,)) == 2


def test_then_the_largest_plausible_rate_refusals_being_failures() -> None:
    played = Table(KLUCB())
    played.tell(0, "FF")  # -ln(1 - q) = ln(9) / 2: q = 2/3
    played.tell(1, "SSRF")
    played.tell(2, "SSS")
    assert played.index() == pytest.approx([2 / 3, bisected(0.5, log(9) / 4), 1.0], abs=1e-6)
    assert played.arm() == 2
    assert played.arm(2, tried=(2,)) == 1
    assert played.eligible(2, tried=(2,)) == [0, 1]


def test_c_widens_the_bound() -> None:
    played = Table(KLUCB(c=3), 1)
    played.tell(0, "FFFFF")
    assert played.index() == pytest.approx([1 - exp(-(log(5) + 3 * log(log(5))) / 5)])


def test_paid_attempts_go_to_the_largest_rate() -> None:
    played = Table(KLUCB())
    played.tell(0, "S")
    played.tell(1, "SSF")
    assert played.index(4) == [1.0, 2 / 3, -1.0]


def test_beliefs_are_the_rate_and_its_bounds_on_both_sides() -> None:
    played = Table(KLUCB(), 3)
    played.tell(0, "SF" * 10)
    played.tell(1, "S" * 20)
    beliefs = played.beliefs()
    high = bisected(0.5, log(40) / 20)
    assert beliefs["mean"] == [0.5, 1.0, 0.5]
    assert beliefs["low"] == pytest.approx([1 - high, exp(-log(40) / 20), 0.0], abs=1e-6)
    assert beliefs["high"] == pytest.approx([high, 1.0, 1.0], abs=1e-6)


def test_hyperparameters_are_checked() -> None:
    with pytest.raises(ValueError, match="c must be a number at least 0, not -1"):
        KLUCB(c=-1)
