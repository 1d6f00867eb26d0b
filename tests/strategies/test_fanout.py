"""fanout: sets against all sets there are, what is learnt of their parts, and where it wins."""

from itertools import combinations

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Feedback, Floats, Outcome, Rules
from flaky_load_balancer.registry import parse as strategy
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.scenarios import parse
from strategies.fanout import Fanout
from tests.strategies.table import MeanDraws

ARMS = 5
HERE = np.zeros(1, dtype=np.intp)
URGENT = """
name = "urgent"
servers = 10
failure.uniform = [0.1, 0.6]
latency = { median = 0.3, sigma = 0.6 }
"""


def taught(shares: Floats, **parameters: float) -> Fanout:
    """It draws these chances, which are of ten attempts each."""
    made = Fanout(a=0.1, b=0.1, **parameters)  # type: ignore[arg-type]
    made.reset(Rules(ARMS), 1, MeanDraws())  # type: ignore[arg-type]
    made.counts.ended[0, 0], made.counts.ended[0, 1] = 10 * shares, 10 * (1 - shares)
    return made


def sent(made: Fanout, *, left: int = 1000) -> set[int]:
    """The servers that a request is sent to at once."""
    tried, chosen = np.zeros((1, ARMS), dtype=bool), set()
    for number in range(1, 100):
        one = np.zeros(1, dtype=np.intp), np.zeros(1), np.array([number])
        more = {"left": np.array([left + 1 - number])}
        action = made.select(Context.of(*one, tried.copy(), np.ones(1), **more))
        chosen.add(int(action.arm[0]))
        tried[0, action.arm[0]] = True
        assert action.beside is not None
        if np.isinf(action.beside[0]):
            return chosen
        assert action.beside[0] == made.after
    raise AssertionError


def tell(made: Fanout, arm: int, outcome: Outcome, latency: float) -> None:
    seconds, unknown = np.array([latency]), np.full(1, np.nan)
    ended = np.array([arm]), np.array([int(outcome)]), seconds, unknown
    made.observe(Feedback.of(HERE, seconds, *ended))


@pytest.mark.parametrize("cost", [0.02, 0.1, 0.3])
def test_no_other_set_is_worth_more(cost: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        chances = rng.random(ARMS)
        made = taught(chances, cost=cost, most=ARMS)
        drawn = made.posterior.draw(HERE, made.rng)[0]

        def value(chosen: set[int], drawn: Floats = drawn) -> float:
            return float(1 - np.prod(1 - drawn[sorted(chosen)]) - cost * len(chosen))

        sets = (set(s) for n in range(1, ARMS + 1) for s in combinations(range(ARMS), n))
        assert value(sent(made)) == pytest.approx(max(map(value, sets)))


def test_a_set_has_no_more_attempts_than_it_may_have() -> None:
    chances = np.full(ARMS, 0.3)
    assert len(sent(taught(chances, cost=0.0, most=3))) == 3
    assert len(sent(taught(chances, cost=0.0), left=2)) == 2  # what the retry budget leaves
    assert len(sent(taught(chances, cost=0.5))) == 1


def test_a_request_that_is_tried_again_begins_a_new_set() -> None:
    made = taught(np.array([0.5, 0.4, 0.3, 0.3, 0.3]), cost=0.15)
    assert sent(made) == {0, 1}
    assert sent(made) == {0}  # the others are still under way
    for _ in range(3):
        tell(made, 4, Outcome.CANCELLED, 0.1)
    assert sent(made) == {0, 1}


def test_an_attempt_teaches_whether_it_was_in_time() -> None:
    made = Fanout(soon=0.5)
    made.reset(Rules(ARMS), 1, np.random.default_rng(0))
    tell(made, 0, Outcome.SUCCEEDED, 0.4)
    tell(made, 1, Outcome.SUCCEEDED, 0.6)  # too late
    tell(made, 2, Outcome.CANCELLED, 0.6)  # called off when it was too late already
    tell(made, 3, Outcome.CANCELLED, 0.4)  # another one was quicker: who knows
    tell(made, 4, Outcome.RATE_LIMITED, 0.001)
    assert made.beliefs(np.zeros(1))["mean"][0] == pytest.approx(
        [2 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 3]
    )


def urgent(name: str) -> Run:
    """Answers that take 0.3 seconds, and are of use within 0.5."""
    return simulate(
        strategy(name),
        parse(URGENT, source="urgent"),
        Rules(10),
        requests=300,
        replications=24,
        deadline=0.5,
        attempt_timeout=0.5,
    )


@pytest.mark.slow
def test_at_once_is_better_than_one_after_the_other_where_answers_are_urgent() -> None:
    """A tenth fewer attempts than hedging by time, and no fewer answers in time."""
    fan = urgent("fanout:soon=0.5,cost=0.05")
    hedged = urgent("fanout:soon=0.5,cost=0,most=3,after=0.1")
    assert fan.attempts.mean() < 0.9 * hedged.attempts.mean()
    assert fan.delivered.mean() > 0.99 * hedged.delivered.mean()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"soon": 0}, "soon must be a number above 0"),
        ({"cost": 2}, "cost must be a number at least 0 and at most 1"),
        ({"most": 0}, "most must be a whole number"),
        ({"after": -1}, "after must be a number at least 0"),
    ],
)
def test_hyperparameters_are_checked(wrong: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Fanout(**wrong)  # type: ignore[arg-type]
