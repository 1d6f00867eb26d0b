"""V7 by hand: V6 with posteriors of the last 30 successes and failures."""

import pytest

from strategies.v7_sliding_window import SlidingWindow
from tests.strategies.table import Table


def table(arms: int = 3, **hyperparameters: object) -> Table:
    return Table(SlidingWindow(**hyperparameters), arms, means=True)  # type: ignore[arg-type]


def test_up_to_thirty_lessons_it_is_v6() -> None:
    played = table(1)
    played.tell(0, "S" * 20 + "F" * 10)
    assert played.index(now=9) == pytest.approx([21 / 32])


def test_the_thirty_first_lesson_pushes_out_the_first() -> None:
    played = table(1)
    played.tell(0, "S" + "F" * 29)
    assert played.index() == pytest.approx([2 / 32])
    played.tell(0, "F")
    assert played.index() == pytest.approx([1 / 32])
    played.tell(0, "S" * 30)
    assert played.index() == pytest.approx([31 / 32])


def test_the_oldest_goes_first() -> None:
    played = table(1, memory=3)
    played.tell(0, "SFF")
    played.tell(0, "S")  # F F S
    assert played.index() == pytest.approx([2 / 5])
    played.tell(0, "S")  # F S S
    assert played.index() == pytest.approx([3 / 5])


def test_each_server_has_its_own_memory() -> None:
    played = table(2, memory=2)
    played.tell(0, "SS")
    played.tell(1, "FF")
    played.tell(0, "F")
    assert played.index() == pytest.approx([2 / 4, 1 / 4])


def test_refusals_and_cancelled_attempts_neither_enter_nor_push_out() -> None:
    played = table(1, memory=3)
    played.tell(0, "SSS" + "RC" * 50, now=0)
    assert played.index(now=9) == pytest.approx([4 / 5])


def test_paid_attempts_go_by_the_whole_run() -> None:
    played = table(2, memory=2)
    played.tell(0, "S" * 8 + "FF")
    played.tell(1, "F" * 8 + "SS")
    assert played.index(1) == pytest.approx([1 / 4, 3 / 4])
    assert played.index(4) == pytest.approx([0.8, 0.2])


def test_a_server_that_refused_cools_down() -> None:
    played = table(2)
    played.tell(0, "R", now=5)
    assert played.eligible(now=5.5) == [1]
    assert played.eligible(now=6) == [0, 1]
    assert played.beliefs(now=5.5)["until"] == [6, 5.5]


@pytest.mark.parametrize(("fallback", "expected"), [("published", 1), ("untried", 0)])
def test_the_fallback(fallback: str, expected: int) -> None:
    played = table(2, fallback=fallback)
    played.tell(0, "R", now=5)
    assert played.arm(2, tried=(1,), now=5.5) == expected


def test_beliefs_are_of_the_last_lessons() -> None:
    played = table(1, memory=2)
    played.tell(0, "SSSSFF")
    beliefs = played.beliefs()
    assert beliefs["mean"] == [0.25]  # Beta(1, 3)
    assert beliefs["low"] == pytest.approx([1 - 0.975 ** (1 / 3)])
    assert beliefs["high"] == pytest.approx([1 - 0.025 ** (1 / 3)])


@pytest.mark.parametrize("wrong", [0, 2.5])
def test_hyperparameters_are_checked(wrong: int) -> None:
    with pytest.raises(ValueError, match="memory must be a whole number at least 1"):
        SlidingWindow(memory=wrong)
