"""lazy-ts by hand, and beside looking at all servers."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Context, Rules
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.scenarios import parse as scenario
from strategies.lazy_ts import ASIDE, NEWS, LazyThompson
from tests.strategies.table import Table

FLEET = 'name = "many"\nservers = {}\n[failure]\nuniform = [0.04, 0.70]\n'


def table(arms: int, **more: int) -> tuple[Table, LazyThompson]:
    strategy = LazyThompson(**more)
    return Table(strategy, arms), strategy


def draws(strategy: LazyThompson) -> list[float]:
    return [float(value) for value in strategy.draws[0]]


def test_only_those_that_are_looked_at_are_drawn_anew() -> None:
    played, strategy = table(100, looks=3)
    before = draws(strategy)
    leaders = set(np.argsort(before)[-3:].tolist())
    chosen = played.arm()
    after = draws(strategy)
    changed = {arm for arm in range(100) if before[arm] != after[arm]}
    assert changed == leaders | {0}  # whose turn it is
    assert chosen == max(changed, key=after.__getitem__)


def test_what_was_heard_of_is_looked_at_next() -> None:
    played, strategy = table(100, looks=1)
    strategy.tree.put(0, np.array([50]), np.array([0.0]))
    played.tell(50, "S" * 200)
    assert draws(strategy)[50] == NEWS
    assert played.arm() == 50
    assert 0.9 < draws(strategy)[50] < 1


def test_a_server_that_refused_is_left_alone_until_its_turn() -> None:
    played, strategy = table(9, looks=8)
    played.tell(5, "S" * 50)
    played.tell(5, "R")
    assert draws(strategy)[5] == ASIDE
    assert 5 not in {played.arm() for _ in range(5)}  # the turns of 0 to 4
    assert played.arm() == 5
    assert played.beliefs()["mean"][5] == pytest.approx(51 / 52)


def test_every_server_has_its_turn() -> None:
    _, strategy = table(7, looks=1)
    before = draws(strategy)
    strategy.tree.put(0, np.arange(1, 7), np.arange(6) / 1e6)
    played = Table(strategy, 7)
    for _ in range(7):
        played.ask()
    assert not set(before) & set(draws(strategy))


def test_of_a_few_that_are_left_one_is_found() -> None:
    """Also where none of those that it looks at may be sent to."""
    played, _ = table(1000, looks=2)
    assert played.arm(2, tried=tuple(n for n in range(1000) if n != 600)) == 600
    first, untried = np.array([1]), np.zeros((1, 1000), dtype=bool)
    context = Context.of(np.array([0]), np.zeros(1), first, untried, np.ones(1))
    context.available = np.arange(1000)[None] == 700
    assert played.strategy.select(context).arm.tolist() == [700]


def test_when_to_come_again_takes_no_beliefs() -> None:
    _, strategy = table(10)
    assert strategy.retry_at(np.array([3.0])).tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("servers", "fleets"), [(10, 24), pytest.param(2000, 6, marks=pytest.mark.slow)]
)
def test_no_more_attempts_fail_than_by_looking_at_all(servers: int, fleets: int) -> None:
    fleet, failed = scenario(FLEET.format(servers), source="many"), {}
    for name in ("v4", "lazy-ts"):
        rules = Rules(servers)
        run = simulate(parse(name), fleet, rules, requests=500, replications=fleets)
        failed[name] = (run.attempts - run.delivered).mean()
    assert failed["lazy-ts"] <= 1.1 * failed["v4"]


def test_hyperparameters_are_checked() -> None:
    with pytest.raises(ValueError, match="looks must be a whole number at least 1"):
        LazyThompson(looks=0)
