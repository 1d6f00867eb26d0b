import numpy as np
import pytest

from strategies.linucb import LinUCB
from strategies.parts.prior import Prior, unit
from strategies.parts.prior_ridge import PriorRidge
from strategies.pilot import Pilot
from tests.strategies.contexts import Desk, requests, worth


def test_without_a_prior_it_is_linucb_on_unit_vectors() -> None:
    pilot = Desk(Pilot(alpha=0.3, strength=0.7, centre=False))
    plain = Desk(LinUCB(alpha=0.3, strength=0.7, centre=False))
    for x in requests(300):
        arm = pilot.ask(x).arm.item()
        assert plain.ask(unit(x[None, :])[0]).arm.item() == arm
        pilot.answer(arm, x, worth(arm, x))
        plain.answer(arm, unit(x[None, :])[0], worth(arm, x))


def test_a_prior_of_nothing_changes_nothing_but_the_doubt() -> None:
    nothing = Prior("none", np.eye(4), np.zeros(4), np.zeros((3, 4)), 1.0)
    with_prior, without = (
        Desk(Pilot(prior=nothing, doubt=0.0, centre=False)),
        Desk(Pilot(centre=False)),
    )
    for x in requests(100):
        arm = without.ask(x).arm.item()
        assert with_prior.ask(x).arm.item() == arm
        for desk in (with_prior, without):
            desk.answer(arm, x, worth(arm, x))


def test_it_begins_where_the_prior_says() -> None:
    """theta by hand: server 0 for the first task, server 1 for the second."""
    servers = np.array([[1.0, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 0, 0]])
    desk = Desk(Pilot(prior=Prior("told", np.eye(4), np.zeros(4), servers, 0.9), doubt=0.0))
    for x in requests(50):
        assert desk.ask(x).arm.item() == int(x[1] > x[0])


def test_the_weight_of_a_prior_is_one_over_its_accuracy() -> None:
    prior = Prior("told", np.eye(4), np.zeros(4), np.eye(3, 4), 0.5)
    pilot = Pilot(prior=prior, centre=False)
    desk = Desk(pilot)
    x = np.array([1.0, 0, 0, 0])
    desk.answer(0, x, 0.0)
    assert pilot.utility.quality.mean(np.zeros(1, dtype=np.intp), x[None, :])[0, 0] == (
        pytest.approx(2 / 3)  # A = 2 + 1, b = 2 x 1 + 0
    )


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": 0.0},
        {"accuracy": 1.5},
        {"offset": [0.0]},
        {"servers": [[1.0, 2.0]]},
        {"projection": [1.0, 2.0]},
        {"projection": [["x"]]},
        {"offset": [float("nan")] * 4},
    ],
)
def test_a_prior_that_does_not_fit_together_is_refused(change: dict[str, object]) -> None:
    document = {
        "projection": np.eye(4).tolist(),
        "offset": [0.0] * 4,
        "servers": np.eye(3, 4).tolist(),
        "accuracy": 0.8,
    }
    assert Prior.of("file", document).accuracy == 0.8
    with pytest.raises(ValueError):  # noqa: PT011 (of numpy's making, or ours)
        Prior.of("file", document | change)


@pytest.mark.parametrize(
    ("truth", "least", "most"), [(1.0, 0.9, 1.0), (0.0, 0.0, 0.15), (-1.0, 0, 0)]
)
def test_a_prior_is_believed_as_far_as_it_foretells(
    truth: float, least: float, most: float
) -> None:
    """Rewards that follow the prior, do not follow it, and are the contrary of it."""
    rng = np.random.default_rng(0)
    ridge, row = PriorRidge(1, 2, 3), np.zeros(1, dtype=np.intp)
    ridge.begin(np.array([[0.6, -0.8, 0.0], [-0.6, 0.0, 0.8]]))
    assert ridge.slope(row) == 1.0
    for x in unit(rng.standard_normal((200, 3))):
        arm = rng.integers(2, size=1)
        value = 0.5 + truth * ridge.first[arm] @ x + 0.1 * rng.standard_normal(1)
        ridge.learn(row, arm, x[None, :], value)
    assert least <= ridge.slope(row).item() <= most
    untouched = PriorRidge(1, 2, 3, doubted=False)
    untouched.pairs = ridge.pairs
    assert untouched.slope(row) == 1.0
