"""Errors in somebody's code are told with the line of that code."""

from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.core.errors import located


def test_an_error_is_told_with_the_line_that_raised_it() -> None:
    with pytest.raises(KeyError) as caught:
        _ask({})
    assert located(caught.value).startswith("KeyError: 'nothing' (")
    assert f"{Path(__file__)}, line " in located(caught.value)
    assert located(caught.value).endswith(", in _ask)")


def test_an_error_in_a_library_is_told_with_the_line_that_called_it() -> None:
    with pytest.raises(ValueError, match="broadcast") as caught:
        _broadcast()
    assert located(caught.value).endswith(", in _broadcast)")


def test_an_error_that_was_never_raised_has_no_line() -> None:
    assert located(ValueError("so")) == "ValueError: so"


def _ask(answers: dict[str, int]) -> int:
    return answers["nothing"]


def _broadcast() -> None:
    np.broadcast_to(np.zeros(3), (2, 2))
