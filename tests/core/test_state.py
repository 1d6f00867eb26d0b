"""What a strategy has learnt is found in its attributes, and fitted to other servers."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from flaky_load_balancer.core.state import State, StateError
from flaky_load_balancer.core.strategy import Strategy, best
from flaky_load_balancer.core.types import Action, Context, Feedback, Rules


class Lanes:
    """A part with replications and servers in one axis, and something of the moment."""

    transient = ("under_way",)

    def __init__(self, replications: int, arms: int) -> None:
        self.sums = np.zeros((replications * arms, 2))
        self.under_way = np.zeros((replications, arms))
        self.seen = False


@dataclass
class Learner(Strategy):
    """Knows nothing of states."""

    step: float = 0.1

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.rng, self.arms = rng, rules.arms
        self.lanes = Lanes(replications, rules.arms)
        self.prices = np.ones((replications, 2 + rules.arms))
        self.same = self.lanes  # shared parts are saved once

    def select(self, context: Context) -> Action:
        return best(context, self.prices[context.rows, 2:])

    def observe(self, feedback: Feedback) -> None: ...


def learner(arms: int = 3, replications: int = 2) -> Learner:
    strategy = Learner()
    strategy.reset(Rules(arms), replications, np.random.default_rng(1))
    lanes = np.arange(replications * arms * 2, dtype=float)
    strategy.lanes.sums = lanes.reshape(-1, 2)
    strategy.lanes.under_way[:] = 5.0
    strategy.lanes.seen = True
    strategy.prices = np.arange(replications * (2 + arms), dtype=float).reshape(replications, -1)
    return strategy


def test_axes_are_found_by_what_they_grow_with() -> None:
    state = learner().state()
    assert state.axes == {"lanes.sums": ("R", "K", ""), "prices": ("R", "2+K")}
    assert state.arrays["lanes.sums"].shape == (2, 3, 2)
    assert state.numbers == {"lanes.seen": True}


def test_what_was_learnt_is_loaded_from_bytes() -> None:
    taught, other = learner(), Learner()
    other.reset(Rules(3), 2, np.random.default_rng(1))
    other.load(State.from_bytes(taught.state().to_bytes()))
    assert other.lanes.sums.tolist() == taught.lanes.sums.tolist()
    assert other.prices.tolist() == taught.prices.tolist()
    assert other.lanes.seen
    assert not other.lanes.under_way.any()
    other.lanes.sums[0] = -1.0
    assert taught.lanes.sums[0, 0] == 0.0  # nothing is shared


def test_servers_come_and_go() -> None:
    strategy = learner()
    strategy.resize(np.array([2, -1, 0, -1]))
    assert strategy.arms == 4
    assert strategy.prices.tolist() == [[0, 1, 4, 1, 2, 1], [5, 6, 9, 1, 7, 1]]
    assert strategy.lanes.sums[:4].tolist() == [[4, 5], [0, 0], [0, 1], [0, 0]]
    assert strategy.lanes.under_way[0].tolist() == [5, 0, 5, 0]
    assert strategy.same is strategy.lanes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": "Learner(step=0.2)"}, "step=0.2"),
        ({"arrays": {"prices": np.ones((2, 5))}}, "lanes.sums"),
        ({"numbers": {"lanes.seen": 7}}, "lanes.seen is 7"),
        ({"numbers": {}}, "numbers are others"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: dict[str, object], words: str) -> None:
    strategy = learner()
    state = replace(strategy.state(), **change)  # type: ignore[arg-type]
    strategy.prices[:] = 8.0
    with pytest.raises(StateError, match=words):
        strategy.load(state)
    assert (strategy.prices == 8.0).all()


@pytest.mark.parametrize("array", [np.ones((2, 6)), np.ones((2, 5), dtype=int), np.ones(10)])
def test_arrays_of_another_shape_or_type_are_refused(array: np.ndarray) -> None:
    strategy = learner()
    state = strategy.state()
    with pytest.raises(StateError, match="prices"):
        strategy.load(replace(state, arrays=state.arrays | {"prices": array}))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", learner().state().to_bytes()[:200]])
def test_bytes_that_are_no_state_are_refused(data: bytes) -> None:
    with pytest.raises(StateError, match="no state"):
        State.from_bytes(data)
