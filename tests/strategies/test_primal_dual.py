"""primal-dual by hand: budgets, prices, and the index they make."""

from math import log, sqrt

import numpy as np
import pytest

from flaky_load_balancer.core.types import GIVE_UP
from strategies.primal_dual import PrimalDual
from tests.strategies.table import Table

B = 50.0  # the smallest budget by default: a twentieth of 1,000 rounds
MORE = 1 + sqrt(log(5) / B)  # what a price is multiplied by for a cost of 1; 3 servers and 2 more


def prices(played: Table) -> list[float]:
    """Of time, paid attempts, and the admissions of each server."""
    assert isinstance(played.strategy, PrimalDual)
    return [float(value) for value in played.strategy.prices.value[0]]


def test_the_index_is_the_plausible_reward_for_its_price() -> None:
    played = Table(PrimalDual(), 3)
    played.tell(0, "S" * 4 + "F" * 12)  # UCB = 1/4 + 1/8 + 1/16
    played.tell(1, "S" * 4 + "R" * 6 + "F" * 6)  # a refusal is a pull without a reward
    played.tell(2, "F" * 4)  # UCB = 0 + 0 + 1/4
    index = played.index()
    assert index[0] == pytest.approx(0.4375 / 0.05)
    assert index[2] == pytest.approx(0.25 / 0.05)
    assert index[1] == index[0]  # so few admissions do not prove any cost


def test_a_paid_attempt_costs_its_budget_as_well() -> None:
    played = Table(PrimalDual(confidence=0), 1)
    played.tell(0, "SF")
    assert played.index(4) == pytest.approx([0.5 / (0.05 + 1)])


def test_the_price_of_what_is_used_rises() -> None:
    played = Table(PrimalDual(), 3)
    for arm in range(3):
        played.tell(arm, "S")
    played.ask(1)  # uses 1/20 of the time, and no budget else: no limit was met
    assert prices(played) == pytest.approx([1] + [MORE**-0.05] * 4)
    played.ask(4)  # a paid attempt: time as before, and 1 of 50
    assert prices(played) == pytest.approx([MORE**-0.9, 1] + [1 / MORE] * 3)


def test_the_first_attempt_on_a_server_changes_no_price() -> None:
    played = Table(PrimalDual(), 3)
    played.ask(4)
    assert prices(played) == [1] * 5


def test_admissions_have_a_budget_after_the_first_refusal() -> None:
    played = Table(PrimalDual(confidence=0, paid_share=1.0, rounds=100), 2)
    played.tell(1, "SSSF", now=10.0)
    played.tell(0, "SSSR", now=10.0)
    for _ in range(7):
        played.ask(now=10.0)
    assert isinstance(played.strategy, PrimalDual)
    played.strategy.prices.restart(np.array([0]))
    # Its limit is taken as 0.7 x 3 of the 8 attempts a second; it admitted 3 of 4.
    time = 2.1 / 8
    assert played.index(now=10.0) == pytest.approx([0.75 / (time + 0.75), 0.75 / time])
    more = 1 + sqrt(log(4) / (100 * time))
    assert prices(played) == pytest.approx([1] + [more**-time] * 3)  # server 1 has no limit
    assert played.arm(now=11.0) == 1


def test_budgets_refill_while_means_stay() -> None:
    played = Table(PrimalDual(rounds=20, paid_share=0.1), 2)
    played.tell(0, "SSSSSF")
    played.tell(1, "SFFFFF")
    before = played.beliefs()["mean"]
    assert [played.arm(4) for _ in range(3)] == [0, 0, GIVE_UP]
    assert [played.arm(1) >= 0 for _ in range(18)] == [True] * 18  # free ones go on: 20 rounds
    assert min(prices(played)) < 1
    assert played.arm(4) == 0
    assert prices(played)[1] == 1  # begun anew at 1, and raised once
    assert played.beliefs()["mean"] == before == pytest.approx([5 / 6, 1 / 6])


def test_giving_up_is_no_round_and_costs_nothing() -> None:
    played = Table(PrimalDual(rounds=20, paid_share=0.1), 1)
    played.tell(0, "S")
    assert [played.arm(4) for _ in range(2)] == [0, 0]
    then = prices(played)
    assert [played.arm(4) for _ in range(50)] == [GIVE_UP] * 50
    assert prices(played) == then


def test_beliefs_are_bounds_capacity_and_price() -> None:
    played = Table(PrimalDual(), 2)
    played.tell(0, "S" * 4 + "F" * 12)
    beliefs = played.beliefs()
    assert beliefs["mean"] == [0.25, 0.5]
    assert beliefs["low"] == [0.0625, 0.0]
    assert beliefs["high"] == [0.4375, 1.0]
    assert beliefs["capacity"] == [float("inf")] * 2
    played.tell(0, "R", now=1.0)
    assert beliefs["price"] == [1, 1]
    assert played.beliefs(now=1.0)["capacity"][0] < 16


@pytest.mark.parametrize("name", ["rounds", "growth", "least", "memory", "paid_share"])
def test_hyperparameters_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a "):
        PrimalDual(**{name: 0})
