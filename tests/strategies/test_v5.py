"""V5 by hand: posteriors flattened by 4, 2, 1 on attempts 1, 2, 3."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Rules
from strategies.v5_modified_thompson import ModifiedThompson
from tests.strategies.table import Table


def scaled(attempt: int, a: float, b: float, **hyperparameters: float) -> list[float]:
    """The a and b that are drawn from on this attempt."""
    strategy = ModifiedThompson(**hyperparameters)
    shapes = np.array([[[a], [b]]])
    return [float(x) for x in strategy._scaled(shapes, np.array([attempt])).ravel()]


@pytest.mark.parametrize(
    ("attempt", "a", "b", "expected"),
    [
        (1, 12, 8, [3, 2]),  # a quarter
        (2, 12, 8, [6, 4]),  # a half
        (3, 12, 8, [12, 8]),  # as they are
        (4, 12, 8, [12, 8]),
        (1, 4, 2, [4 / 3, 1]),  # a + b not below 2: factor 2 / 6; and b not below 1
        (1, 31, 1, [31 / 4, 1]),  # b not below 1: 1 / 4 otherwise
        (1, 1, 1, [1, 1]),  # a + b = 2 is not scaled
        (2, 2, 1, [4 / 3, 1]),  # factor 2 / 3
    ],
)
def test_the_scaling(attempt: int, a: float, b: float, expected: list[float]) -> None:
    assert scaled(attempt, a, b) == pytest.approx(expected)


def test_every_number_of_it_can_be_changed() -> None:
    assert scaled(1, 30, 20, scale=10) == pytest.approx([3, 2])
    assert scaled(2, 30, 20, scale=10, decay=0.2) == pytest.approx([15, 10])
    assert scaled(1, 12, 8, least_total=10) == pytest.approx([6, 4])
    assert scaled(1, 36, 4, least_shape=2) == pytest.approx([9, 2])


def test_the_index_is_a_draw_from_the_scaled_posterior() -> None:
    played = Table(ModifiedThompson(), means=True)
    played.tell(0, "S" * 30)  # Beta(31, 1): 31/4 and 1 on the first attempt
    played.tell(1, "S" * 30 + "FR")  # Beta(31, 3): the refusal is a failure; 31/4 and 1
    assert played.index(1) == pytest.approx([7.75 / 8.75, 7.75 / 8.75, 1 / 2])
    assert played.index(3) == pytest.approx([31 / 32, 31 / 34, 1 / 2])
    assert played.arm(1) == 0
    assert played.arm(2, tried=(0,)) == 1


def test_each_request_of_a_batch_is_scaled_by_its_own_attempt() -> None:
    strategy = ModifiedThompson()
    strategy.reset(Rules(1), 3, np.random.default_rng(0))
    shapes = np.tile(np.array([[[12.0], [8.0]]]), (3, 1, 1))
    assert strategy._scaled(shapes, np.array([3, 1, 2]))[:, 0, 0].tolist() == [12.0, 3.0, 6.0]
    tried = np.zeros((3, 1), dtype=bool)
    asked = Context.of(np.arange(3), np.zeros(3), np.array([3, 1, 2]), tried, np.ones(3))
    assert strategy.select(asked).arm.tolist() == [0, 0, 0]


def test_beliefs_are_not_scaled() -> None:
    played = Table(ModifiedThompson(), 1)
    played.tell(0, "S" * 8)
    assert played.beliefs()["mean"] == [0.9]


@pytest.mark.parametrize(
    ("name", "wrong"), [("scale", 0.5), ("decay", 0), ("decay", 1.5), ("least_total", 0)]
)
def test_hyperparameters_are_checked(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a number"):
        ModifiedThompson(**{name: wrong})
