"""random by hand."""

from strategies.random_choice import RandomChoice
from tests.strategies.table import Table, choices


def test_it_chooses_among_untried_servers() -> None:
    assert choices(RandomChoice) == {0, 1, 2}
    assert choices(RandomChoice, attempt=2, tried=(0,)) == {1, 2}
    assert choices(RandomChoice, attempt=7, tried=(0, 2)) == {1}


def test_then_among_all() -> None:
    assert choices(RandomChoice, attempt=9, tried=(0, 1, 2)) == {0, 1, 2}


def test_it_is_uniform() -> None:
    played = Table(RandomChoice(), 4, seed=3)
    chosen = [played.arm(2, tried=(2,)) for _ in range(3000)]
    assert all(940 < chosen.count(arm) < 1060 for arm in (0, 1, 3))


def test_it_shows_the_keys_that_it_drew() -> None:
    played = Table(RandomChoice())
    action = played.ask()
    assert action.index is not None
    assert action.arm[0] == action.index[0].argmax()


def test_it_believes_nothing() -> None:
    assert Table(RandomChoice()).beliefs() == {}
