"""V8 by hand: V4 plus blocks of 10, 20, 20 s."""

from math import inf

import pytest

from strategies.v8_blocking import Blocking
from tests.strategies.table import Table


def table(arms: int = 3, **hyperparameters: object) -> Table:
    return Table(Blocking(**hyperparameters), arms, means=True)  # type: ignore[arg-type]


def until(played: Table, now: float = 0.0) -> list[float]:
    return played.beliefs(now=now)["until"]


def test_blocks_last_10_20_20_seconds() -> None:
    played = table()
    played.tell(0, "R", now=100)
    assert until(played) == [110, 0, 0]
    played.tell(0, "R", now=200)
    assert until(played)[0] == 220
    played.tell(0, "R", now=300)
    assert until(played)[0] == 320


@pytest.mark.parametrize("start", [0.0, 1.8e9])
def test_a_blocked_server_is_left_alone_until_its_block_ends(start: float) -> None:
    played = table()
    assert played.eligible(now=start) == [0, 1, 2]
    played.tell(1, "R", now=start)
    assert played.eligible(now=start + 9.75) == [0, 2]
    assert played.eligible(now=start + 10) == [0, 1, 2]


def test_a_success_resets_the_doubling_but_lifts_no_block() -> None:
    played = table()
    played.tell(0, "RR", now=100)
    assert until(played)[0] == 120
    played.tell(0, "S", now=101)
    assert until(played)[0] == 120
    assert played.eligible(now=119) == [1, 2]
    played.tell(0, "R", now=130)
    assert until(played)[0] == 140


def test_a_new_block_overwrites_a_longer_one() -> None:
    played = table()
    played.tell(0, "RR", now=100)  # until 120
    played.tell(0, "S", now=101)
    played.tell(0, "R", now=102)
    assert until(played)[0] == 112


def test_failures_and_cancelled_attempts_change_nothing() -> None:
    played = table()
    played.tell(0, "R", now=100)
    played.tell(0, "FC", now=101)
    assert until(played)[0] == 110
    played.tell(0, "R", now=102)
    assert until(played)[0] == 122


def test_a_refusal_teaches_nothing_about_quality_but_lowers_the_rate() -> None:
    played = table()
    played.tell(0, "SSRR")
    assert played.index(now=99) == pytest.approx([3 / 4, 1 / 2, 1 / 2])
    assert played.index(4)[0] == 0.5


def test_fallback_published_never_blocked_first_even_if_tried() -> None:
    played = table()
    played.tell(0, "R", now=100)
    played.tell(2, "RR", now=100)
    assert played.index(2, tried=(1,), now=105) == [-5, inf, -15]
    assert played.eligible(2, tried=(1,), now=105) == [0, 1, 2]
    assert played.arm(2, tried=(1,), now=105) == 1


def test_fallback_published_else_the_earliest_end_of_a_block_even_a_past_one() -> None:
    played = table()
    played.tell(0, "RR", now=100)  # until 120
    played.tell(2, "R", now=106)  # until 116
    played.tell(1, "R", now=94)  # until 104
    assert played.arm(2, tried=(1,), now=105) == 1
    played.tell(1, "R", now=101)  # until 121
    assert played.arm(2, tried=(1,), now=105) == 2


def test_fallback_untried_the_earliest_end_among_untried_servers() -> None:
    played = table(fallback="untried")
    played.tell(0, "RR", now=100)
    played.tell(2, "R", now=106)
    assert played.eligible(2, tried=(1,), now=107) == [0, 2]
    assert played.arm(2, tried=(1,), now=107) == 2
    assert played.arm(3, tried=(1, 2), now=107) == 0


def test_base_and_most_are_hyperparameters() -> None:
    played = table(base=1.0, most=8.0)
    played.tell(0, "RRRRR", now=100)
    assert until(played)[0] == 108
    played = table(most=1.0)
    played.tell(0, "R", now=100)
    assert until(played)[0] == 105


@pytest.mark.parametrize(("name", "wrong"), [("base", -1), ("most", 0.5)])
def test_hyperparameters_are_checked(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number at least"):
        Blocking(**{name: wrong})  # type: ignore[arg-type]
