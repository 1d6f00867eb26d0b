"""What a hyperparameter may be."""

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from strategies.parts.numbers import require


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_within_bounds_are_accepted(value: Any) -> None:
    require("x", value, least=0, most=1)


@pytest.mark.parametrize("value", [-0.1, 1.1, nan, inf, -inf, True, "1", None, 1j])
def test_others_are_refused_with_what_is_allowed(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^x must be a number at least 0 and at most 1, not "):
        require("x", value, least=0, most=1)


def test_a_bound_may_be_excluded() -> None:
    with pytest.raises(ValueError, match=r"^x must be a number above 0, not 0$"):
        require("x", 0, above=0)


def test_without_bounds_any_number_will_do() -> None:
    require("x", -5)
    with pytest.raises(ValueError, match=r"^x must be a whole number, not 2.5$"):
        require("x", 2.5, whole=True)
