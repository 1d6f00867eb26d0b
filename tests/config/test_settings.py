"""Rules that cannot be played are refused by the flag that set them."""

from dataclasses import replace
from math import inf, nan

import pytest

from flaky_load_balancer.config import Game, SettingsError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_attempts", 0),
        ("free_attempts", -1),
        *[("penalty", value) for value in (-0.1, nan, inf)],
        *[("deadline", value) for value in (0.0, -1.0, nan, inf)],
        *[("attempt_timeout", value) for value in (0.0, nan, inf)],
    ],
)
def test_rules_that_cannot_be_played_are_refused_by_flag(field: str, value: float) -> None:
    wrong = replace(Game(), **{field: value})  # type: ignore[arg-type]
    with pytest.raises(SettingsError) as caught:
        wrong.checked()
    assert "--" + field.replace("_", "-") in str(caught.value)
    assert str(value) in str(caught.value)


def test_the_edges_of_the_rules_are_playable() -> None:
    game = Game(0, 1, 0.0, 0.001, 0.001)
    assert game.checked() is game
    assert game.rules(3).max_attempts == 1
