"""V4 by hand: Thompson sampling, with draws replaced by their means where exact."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Rules
from strategies.parts.beta import draw
from strategies.v4_thompson import Thompson
from tests.strategies.table import Table, choices


def test_the_index_is_a_draw_from_beta_of_successes_and_failures() -> None:
    played = Table(Thompson(), means=True)
    played.tell(0, "SSF")  # Beta(3, 2)
    played.tell(1, "SSSR")  # Beta(4, 2): the refusal is a failure
    played.tell(2, "C")  # Beta(1, 1)
    assert played.index() == pytest.approx([3 / 5, 4 / 6, 1 / 2])
    assert played.arm() == 1
    assert played.arm(2, tried=(1,)) == 0
    assert played.eligible(2, tried=(1,)) == [0, 2]


def test_the_prior_is_a_hyperparameter() -> None:
    played = Table(Thompson(a=2, b=1), means=True)
    played.tell(0, "F")
    assert played.index() == pytest.approx([2 / 4, 2 / 3, 2 / 3])
    assert played.arm() == 1


def test_any_server_may_be_drawn_first() -> None:
    assert choices(Thompson) == {0, 1, 2}


def test_draws_have_the_moments_of_beta() -> None:
    shapes = np.tile(np.array([[[3.0], [2.0]]]), (40_000, 1, 1))
    drawn = draw(shapes, np.random.default_rng(5))
    assert drawn.mean() == pytest.approx(3 / 5, abs=0.005)
    assert drawn.var() == pytest.approx(6 / (25 * 6), abs=0.002)


def test_small_priors_draw_numbers() -> None:
    drawn = draw(np.full((10_000, 2, 10), 0.1), np.random.default_rng(0))
    assert np.isfinite(drawn).all()


def test_a_batch_is_drawn_for_its_own_replications() -> None:
    strategy = Thompson()
    strategy.reset(Rules(2), 3, np.random.default_rng(0))
    strategy.counts.ended[1, 0, 1] = 1e6  # in replication 1 the second server never fails
    strategy.counts.ended[2, 0, 0] = 1e6
    rows = np.array([2, 1])
    blank = np.zeros((2, 2), dtype=bool)
    action = strategy.select(
        Context.of(rows, np.zeros(2), np.ones(2, dtype=int), blank, np.ones(2))
    )
    assert action.arm.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("wrong", [0, -1.0, float("inf")])
def test_hyperparameters_are_checked(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a number at least 0.1, not"):
        Thompson(**{name: wrong})
