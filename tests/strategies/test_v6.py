"""V6 by hand: V4 plus a cooldown."""

from math import inf

import pytest

from strategies.v6_thompson_masked import ThompsonMasked
from tests.strategies.table import Table

NOON = 1.8e9  # clocks may start anywhere


def table(arms: int = 3, **hyperparameters: object) -> Table:
    return Table(ThompsonMasked(**hyperparameters), arms, means=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("start", [0.0, NOON])
def test_a_server_that_refused_is_left_alone_for_a_second(start: float) -> None:
    played = table()
    played.tell(0, "SSS", now=start)
    played.tell(0, "R", now=start + 5)
    assert played.eligible(now=start + 5) == [1, 2]
    assert played.eligible(now=start + 5.75) == [1, 2]
    assert played.eligible(now=start + 6) == [0, 1, 2]  # a second ago: ready again
    assert played.arm(now=start + 5.75) == 1
    assert played.arm(now=start + 6) == 0


def test_nobody_cools_down_at_the_start() -> None:
    assert table().eligible(now=0.0) == [0, 1, 2]


def test_a_refusal_teaches_nothing_about_quality() -> None:
    played = table()
    played.tell(0, "SSRRR")
    played.tell(1, "SF")
    assert played.index(now=9) == pytest.approx([3 / 4, 2 / 4, 1 / 2])


def test_but_it_lowers_the_rate_of_paid_attempts() -> None:
    played = table()
    played.tell(0, "S" * 20 + "R" * 20)
    assert played.index(4)[0] == 0.5


def test_only_refusals_start_a_cooldown_and_nothing_lifts_it() -> None:
    played = table()
    played.tell(1, "FC", now=3)
    played.tell(0, "R", now=3)
    played.tell(0, "S", now=3.5)
    assert played.eligible(now=3.75) == [1, 2]


def test_a_later_refusal_prolongs_it() -> None:
    played = table()
    played.tell(0, "R", now=3)
    played.tell(0, "R", now=3.5)
    assert played.eligible(now=4.25) == [1, 2]
    assert played.eligible(now=4.5) == [0, 1, 2]


def test_retry_after_is_ignored() -> None:
    played = table()
    played.tell(0, "R", now=3, retry_after=30)
    assert 0 in played.eligible(now=4)


def test_fallback_published_takes_a_tried_server_that_never_refused() -> None:
    played = table()
    played.tell(0, "R", now=10)
    played.tell(2, "R", now=10.25)
    assert played.index(2, tried=(1,), now=10.5) == [0.5, inf, 0.25]
    assert played.eligible(2, tried=(1,), now=10.5) == [0, 1, 2]
    assert played.arm(2, tried=(1,), now=10.5) == 1


def test_fallback_published_else_takes_the_one_refused_longest_ago_tried_or_not() -> None:
    played = table()
    for arm, now in ((1, 10), (2, 10.5), (0, 11)):
        played.tell(arm, "R", now=now)
    assert played.arm(1, now=11) == 1  # ready again for half a second: not a fallback yet
    assert played.eligible(2, tried=(1,), now=11.25) == [0, 1, 2]
    assert played.arm(2, tried=(1,), now=11.25) == 1


def test_fallback_published_ties_go_to_the_lowest_index() -> None:
    played = table()
    for arm in (2, 1, 0):
        played.tell(arm, "R", now=5)
    assert played.arm(now=5.5) == 0


def test_fallback_untried_takes_the_untried_one_refused_longest_ago() -> None:
    played = table(fallback="untried")
    played.tell(0, "R", now=10.5)
    played.tell(2, "R", now=10.25)
    assert played.eligible(2, tried=(1,), now=10.75) == [0, 2]
    assert played.arm(2, tried=(1,), now=10.75) == 2


def test_beliefs_show_when_cooldowns_end() -> None:
    played = table(cooldown=2.0)
    played.tell(0, "R", now=10)
    assert played.beliefs(now=11)["until"] == [12, 11, 11]
    assert played.beliefs(now=20)["until"] == [20, 20, 20]


def test_the_cooldown_is_a_hyperparameter() -> None:
    played = table(cooldown=0.5)
    played.tell(0, "R", now=1)
    assert played.eligible(now=1.5) == [0, 1, 2]


def test_hyperparameters_are_checked() -> None:
    with pytest.raises(ValueError, match="cooldown must be a number at least 0"):
        ThompsonMasked(cooldown=-0.1)
    with pytest.raises(ValueError, match="fallback must be published or untried, not 'tried'"):
        ThompsonMasked(fallback="tried")
