"""Sending nothing is the same for the strategies from bandits with knapsacks."""

from math import inf

import numpy as np
import pytest

from flaky_load_balancer.core.types import GIVE_UP, Context, Feedback, Outcome, Rules
from strategies import STRATEGIES
from tests.strategies.table import Table

every_one = pytest.mark.parametrize("name", ["primal-dual", "balanced", "lagrange"])


def table(name: str, arms: int = 3) -> Table:
    """Servers that all succeeded once; ``balanced`` leaves nothing to chance."""
    played = Table(STRATEGIES[name](**({"explore": 0.0} if name == "balanced" else {})), arms)
    for arm in range(arms):
        played.tell(arm, "SSSS")
    return played


@every_one
def test_unattempted_servers_come_first_in_order_paid_or_free(name: str) -> None:
    played = Table(STRATEGIES[name](), 3)
    assert played.index() == [inf, inf, inf]
    played.tell(0, "F")
    assert played.arm(1) == 1
    assert played.arm(2, tried=(1,)) == 2
    assert played.arm(4, tried=(0, 1, 2)) == 1


@every_one
def test_cancelled_attempts_count_for_nothing(name: str) -> None:
    played = Table(STRATEGIES[name](), 1)
    played.tell(0, "CCC")
    assert played.index() == [inf]


@every_one
def test_a_server_rests_for_a_second_or_as_long_as_it_asked(name: str) -> None:
    played = table(name)
    played.tell(1, "R", now=100.0)
    played.tell(2, "R", now=100.0, retry_after=5.0)
    assert played.eligible(now=100.5) == [0]
    assert played.eligible(now=101.0) == [0, 1]
    assert played.eligible(now=105.0) == [0, 1, 2]
    assert played.beliefs(now=100.5)["until"] == [100.5, 101.0, 105.0]


@every_one
def test_free_attempts_go_to_untried_servers_paid_ones_to_any(name: str) -> None:
    played = table(name)
    assert played.eligible(2, tried=(1,)) == [0, 2]
    assert played.eligible(4, tried=(0, 1, 2)) == [0, 1, 2]


@every_one
def test_a_free_attempt_with_every_server_tried_may_go_to_any(name: str) -> None:
    played = table(name, arms=2)
    played.tell(0, "R", now=100.0)
    assert played.eligible(3, tried=(0, 1), now=100.5) == [1]


@every_one
def test_a_paid_attempt_is_given_up_while_every_server_rests(name: str) -> None:
    played = table(name, arms=2)
    played.tell(0, "R", now=100.0)
    played.tell(1, "R", now=100.5)
    assert played.arm(4, now=100.75) == GIVE_UP
    assert played.eligible(4, now=100.75) == []
    assert played.arm(4, now=101.25) == 0


@every_one
def test_a_free_attempt_goes_to_the_untried_server_refused_longest_ago(name: str) -> None:
    played = table(name)
    for arm, refused_at in ((0, 100.0), (1, 100.5), (2, 100.25)):
        played.tell(arm, "R", now=refused_at)
    assert played.arm(1, now=100.75) == 0
    assert played.arm(2, tried=(0,), now=100.75) == 2
    assert played.index(2, tried=(0,), now=100.75) == [0.75, 0.25, 0.5]
    assert played.eligible(2, tried=(0,), now=100.75) == [1, 2]


@every_one
def test_free_and_paid_attempts_mix_in_a_batch(name: str) -> None:
    strategy = STRATEGIES[name]()
    strategy.reset(Rules(2), 3, np.random.default_rng(0))
    every, now = np.arange(3), np.full(3, 5.0)
    for arm in (0, 1):
        refused = np.full(3, int(Outcome.RATE_LIMITED))
        strategy.observe(Feedback.of(every, now, np.full(3, arm), refused, now, now * np.nan))
    tried = np.array([[0, 0], [1, 1], [1, 0]], dtype=bool)
    context = Context.of(np.array([2, 0, 1]), now, np.array([1, 4, 2]), tried, now + 10)
    assert strategy.select(context).arm.tolist() == [0, GIVE_UP, 1]


@every_one
@pytest.mark.parametrize(
    ("hyperparameter", "wrong"),
    [("confidence", -1), ("cooldown", -1), ("paid_share", 2)],
)
def test_hyperparameters_are_checked(name: str, hyperparameter: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"{hyperparameter} must be a number"):
        STRATEGIES[name](**{hyperparameter: wrong})
