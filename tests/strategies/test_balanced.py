"""balanced by hand."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import GIVE_UP, Context, Rules
from strategies.balanced import Balanced
from tests.strategies.table import Table


def test_the_index_is_reward_for_failing() -> None:
    played = Table(Balanced(explore=0))
    played.tell(0, "S" * 4 + "F" * 12)  # rad(1/4) = 3/16, rad(3/4) = sqrt(3)/8 + 1/16
    played.tell(1, "S" * 4 + "R" * 12)  # a refusal is a failure
    played.tell(2, "S" * 16)
    index = played.index(now=99.0)
    assert index[0] == pytest.approx(0.4375 / (0.75 - 3**0.5 / 8 - 1 / 16))
    assert index[1] == index[0]
    assert index[2] == pytest.approx(1 / 0.01)


def explored(strategy: Balanced, paid_before: int, attempt: int) -> float:
    """How often of 4,000 replications the worse of two servers is asked."""
    many = 4000
    strategy.reset(Rules(2), many, np.random.default_rng(1))
    strategy.counts.ended[:, 0, 0] = strategy.counts.ended[:, 1, 1] = 1000
    strategy.episode.paid[:] = paid_before
    rows, now, tried = np.arange(many), np.zeros(many), np.zeros((many, 2), dtype=bool)
    action = strategy.select(Context.of(rows, now, np.full(many, attempt), tried, now + 10))
    return float((action.arm == 1).mean())


@pytest.mark.parametrize(("paid", "chance"), [(0, 0.05), (25, 0.025), (50, 0.0)])
def test_it_explores_as_long_as_the_budget_lasts(paid: int, chance: float) -> None:
    assert explored(Balanced(), paid, 1) == pytest.approx(chance, abs=0.01)


def test_paid_attempts_do_not_explore() -> None:
    assert explored(Balanced(explore=1), 0, 1) == pytest.approx(0.5, abs=0.03)
    assert explored(Balanced(explore=1), 0, 4) == 0


def test_budgets_refill_while_means_stay() -> None:
    played = Table(Balanced(rounds=20, paid_share=0.1, explore=0), 2)
    played.tell(0, "SSSSSF")
    played.tell(1, "SFFFFF")
    assert [played.arm(4) for _ in range(3)] == [0, 0, GIVE_UP]
    assert [played.arm(1) for _ in range(18)] == [0] * 18
    assert played.arm(4) == 0
    assert played.beliefs()["mean"] == pytest.approx([5 / 6, 1 / 6])


@pytest.mark.parametrize(("name", "wrong"), [("rounds", 0), ("explore", 2), ("least_cost", 0)])
def test_hyperparameters_are_checked(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a "):
        Balanced(**{name: wrong})  # type: ignore[arg-type]
