"""lagrange by hand: one price, and what is not worth it."""

import pytest

from flaky_load_balancer.core.types import GIVE_UP
from strategies.lagrange import Lagrange
from tests.strategies.table import Table


def price(played: Table) -> float:
    return played.beliefs()["price"][0]


def test_the_index_is_reward_less_the_price_of_failing() -> None:
    played = Table(Lagrange(price=0.5))
    played.tell(0, "S" * 4 + "F" * 12)  # UCB(1/4) = 7/16, LCB(3/4) = 3/4 - sqrt(3)/8 - 1/16
    played.tell(1, "S" * 4 + "F" * 4 + "R" * 8)  # 4 of 8 admitted, 4 of 16 in all
    played.tell(2, "R")
    failing = 0.75 - 3**0.5 / 8 - 1 / 16
    reward = 0.5 + 0.25 + 0.125
    expected = [0.4375 - 0.5 * failing, reward - 0.5 * failing, 1.0]
    assert played.index(now=99.0) == pytest.approx(expected)


def test_the_price_follows_what_paid_attempts_cost() -> None:
    played = Table(Lagrange(), 1)
    played.tell(0, "S")
    assert price(played) == 0.1
    played.ask(1)  # no request before it: nothing to follow
    assert price(played) == 0.1
    played.ask(4)
    played.ask(5)
    played.ask(1)  # 2 paid attempts by 1 request
    first = 0.1 * (1 + 0.1 * (2 / 1 - 0.05))
    assert price(played) == pytest.approx(first)
    played.ask(2)
    played.ask(3)
    assert price(played) == pytest.approx(first)
    played.ask(1)  # 2 by 2
    assert price(played) == pytest.approx(first * (1 + 0.1 * (2 / 2 - 0.05)))


def test_the_price_keeps_within_bounds() -> None:
    played = Table(Lagrange(step=1.0, paid_share=1.0, price=0.04, cheapest=0.01, dearest=0.05), 1)
    for _ in range(4):
        played.ask(1)
    assert price(played) == 0.01
    for attempt in [4] * 50 + [1] * 9:
        played.ask(attempt)
    assert price(played) == 0.05


def test_what_is_not_worth_its_price_is_given_up_when_it_is_paid() -> None:
    played = Table(Lagrange(price=10.0), 2)
    played.tell(0, "F" * 100)
    played.tell(1, "F" * 99 + "S")
    assert max(played.index()) < 0
    assert played.arm(1) == 1  # free attempts cost nothing
    assert played.arm(4) == GIVE_UP
    assert played.eligible(4) == []
    played.tell(0, "S" * 900)
    assert played.arm(4) == 0


def test_giving_up_is_not_paid_for() -> None:
    played = Table(Lagrange(price=10.0), 1)
    played.tell(0, "F" * 100)
    played.ask(1)
    assert played.arm(4) == GIVE_UP
    played.ask(1)
    assert price(played) == pytest.approx(10 * (1 - 0.1 * 0.05))


def test_beliefs_leave_refusals_out_of_quality() -> None:
    played = Table(Lagrange(), 2)
    played.tell(0, "S" * 4 + "F" * 12 + "R" * 5)
    beliefs = played.beliefs(now=99.0)
    assert beliefs["mean"] == [0.25, 0.5]
    assert beliefs["low"] == [0.0625, 0.0]
    assert beliefs["high"] == [0.4375, 1.0]


@pytest.mark.parametrize(
    ("name", "wrong"), [("price", 11), ("cheapest", 0), ("dearest", 0.001), ("step", 2)]
)
def test_hyperparameters_are_checked(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match="must be a "):
        Lagrange(**{name: wrong})
