"""outlier by hand: rows of failures, ejections, sweeps every 10 s."""

import pytest

from strategies.outlier import Outlier
from tests.strategies.table import Table


def table(arms: int = 4, *, start: float = 0.0, **hyperparameters: object) -> Table:
    """The first event is at ``start``, and after it is the turn of server 0."""
    played = Table(Outlier(**hyperparameters), arms)  # type: ignore[arg-type]
    for arm in range(arms):
        assert played.arm(now=start) == arm
    return played


def until(played: Table, now: float) -> list[float]:
    return played.beliefs(now=now)["until"]


def test_servers_take_turns() -> None:
    played = table()
    assert [played.arm(now=1) for _ in range(5)] == [0, 1, 2, 3, 0]
    assert played.arm(2, tried=(1, 2), now=1) == 3


@pytest.mark.parametrize("start", [0.0, 1.8e9])
def test_the_fifth_failure_in_a_row_ejects_for_30_seconds(start: float) -> None:
    played = table(start=start)
    played.tell(1, "FFFF", now=start + 1)
    assert played.eligible(now=start + 1) == [0, 1, 2, 3]
    played.tell(1, "F", now=start + 1)
    assert played.eligible(now=start + 1) == [0, 2, 3]
    # Its time is over at 31 s; the sweep that sees it is the one at 40 s.
    assert until(played, now=start + 1)[1] == start + 40
    assert played.eligible(now=start + 39.75) == [0, 2, 3]
    assert played.eligible(now=start + 40) == [0, 1, 2, 3]


def test_a_time_that_is_over_at_a_sweep_is_over() -> None:
    played = table()
    played.tell(1, "FFFFF", now=10)
    assert until(played, now=10)[1] == 40


def test_a_success_ends_a_row() -> None:
    played = table()
    played.tell(1, "FFFFSFFFF")
    assert played.eligible() == [0, 1, 2, 3]


def test_cancelled_attempts_leave_a_row_as_it_was() -> None:
    played = table()
    played.tell(1, "FFFFCF")
    assert played.eligible() == [0, 2, 3]


@pytest.mark.parametrize(
    ("refusals", "outcomes", "ejected"),
    [
        ("reset", "FFFFRF", False),
        ("fail", "FFFFR", True),
        ("ignore", "FFFFR", False),
        ("ignore", "FFFFRF", True),
    ],
)
def test_what_a_refusal_does_can_be_chosen(refusals: str, outcomes: str, ejected: bool) -> None:
    played = table(refusals=refusals)
    played.tell(1, outcomes)
    assert (1 not in played.eligible()) == ejected


def test_no_more_than_half_are_ejected() -> None:
    played = table()
    for arm in (0, 1, 2):
        played.tell(arm, "FFFFF")
    assert played.eligible() == [2, 3]


def test_the_count_starts_anew_when_there_was_no_room() -> None:
    played = table(max_ejected=0.25)
    played.tell(0, "FFFFF", now=1)
    played.tell(1, "FFFFF", now=11)
    assert played.eligible(now=41) == [0, 1, 2, 3]
    played.tell(1, "FFFF", now=41)
    assert played.eligible(now=41) == [0, 1, 2, 3]
    played.tell(1, "F", now=41)
    assert played.eligible(now=41) == [0, 2, 3]


@pytest.mark.parametrize(("max_ejected", "ejected"), [(0.1, 1), (0.3, 3), (0.09, 0), (1, 10)])
def test_the_share_is_compared_with_the_one_to_be_ejected_included(
    max_ejected: float, ejected: int
) -> None:
    played = table(10, max_ejected=max_ejected)
    for arm in range(10):
        played.tell(arm, "FFFFF")
    assert sum(end > 0 for end in until(played, now=0)) == ejected


def test_a_second_ejection_lasts_twice_as_long() -> None:
    played = table()
    played.tell(1, "FFFFF", now=0)  # back at the sweep at 30 s
    played.tell(1, "FFFFF", now=31)  # 60 s: 91, seen at 100
    assert until(played, now=31)[1] == 100


def test_each_sweep_after_10_healthy_seconds_forgets_an_ejection() -> None:
    played = table()
    played.tell(1, "FFFFF", now=0)  # back at 30 s
    played.tell(1, "FFFFF", now=39.75)  # not back for 10 s at any sweep: m = 2, 99.75
    assert until(played, now=40)[1] == 100
    played.tell(1, "FFFFF", now=110)  # m fell to 1 at 110, and is 2 again: 170
    assert until(played, now=110)[1] == 170
    played.tell(1, "FFFFF", now=190)  # back at 170, m 1 at 180, 0 at 190: 1 again
    assert until(played, now=190)[1] == 220


def test_an_ejection_lasts_300_seconds_at_most() -> None:
    played = table(base=200.0)
    played.tell(1, "FFFFF", now=0)  # back at 200 s
    played.tell(1, "FFFFF", now=205)
    assert until(played, now=205)[1] == 510  # 505, not 605


def test_one_that_is_ejected_is_not_ejected_anew() -> None:
    played = table()
    played.tell(1, "FFFFF", now=0)
    played.tell(1, "FFFFF", now=5)  # answers to what was in flight
    assert until(played, now=5)[1] == 30
    played.tell(1, "FFFFF", now=31)
    assert until(played, now=31)[1] == 100  # the second ejection, not the third


def test_untried_servers_come_first_and_ejected_ones_last() -> None:
    played = table(max_ejected=1.0)
    played.tell(0, "FFFFF")
    played.tell(1, "FFFFF")
    assert played.eligible(2, tried=(2,)) == [3]
    assert played.eligible(3, tried=(2, 3)) == [2, 3]
    played.tell(2, "FFFFF")
    played.tell(3, "FFFFF")
    assert played.eligible(3, tried=(2, 3)) == [0, 1]
    assert played.arm(5, tried=(0, 1, 2, 3)) in {0, 1, 2, 3}


def test_beliefs_show_the_rows_of_failures() -> None:
    played = table()
    played.tell(2, "SFF")
    assert played.beliefs()["failures_in_a_row"] == [0, 0, 2, 0]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("failures", 0), ("max_ejected", 1.1), ("base", -1), ("most", -1), ("interval", 0)],
)
def test_hyperparameters_are_checked(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a"):
        Outlier(**{name: wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="refusals must be reset or fail or ignore"):
        Outlier(refusals="no")
