"""Constraints that any strategy can wear: held in the long run, whatever servers do."""

import numpy as np
import pytest

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.registry import canonical, is_built_in, load, parse
from flaky_load_balancer.registry.conformance import check
from flaky_load_balancer.registry.values import UnknownStrategyError
from flaky_load_balancer.simulation.engine.lockstep import Lockstep
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import find
from strategies.constrained import Constrained
from strategies.v4_thompson import Thompson
from tests.strategies.table import Table

FLEETS = 4
WEARERS = ["v4", "cascade", "p2c-ewma", "round-robin"]


def played(
    spec: str, scenario: str, requests: int = 300
) -> tuple[Constrained, np.ndarray, Lockstep]:
    """The strategy afterwards, and the share (R, K) of attempts that each server got."""
    strategy = parse(spec)
    assert isinstance(strategy, Constrained)
    fleet = Fleet.draw(find(scenario), 3, replications=FLEETS)
    rules, rng = Rules(10), np.random.default_rng(1)
    balancer = Balancer(strategy, rules, rng, replications=FLEETS, slots=4)
    servers = Servers(fleet)
    game = Lockstep(
        balancer, servers, rate=10.0, requests=requests, deadline=10.0, attempt_timeout=2.0
    )
    while game.step():
        pass
    sent = servers.answered
    return strategy, sent / sent.sum(axis=1, keepdims=True), game


@pytest.mark.parametrize("name", WEARERS)
def test_every_server_gets_its_least_share_over_a_tide(name: str) -> None:
    strategy, share, _ = played(f"{name}:share_min=0.05", "T3-tide")
    assert share.min() >= 0.045
    assert strategy.violations()["share_min"].sum() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", WEARERS)
def test_no_server_gets_more_than_its_greatest_share_over_a_tide(name: str) -> None:
    strategy, share, _ = played(f"{name}:share_max=0.15", "T3-tide")
    assert share.max() <= 0.16
    assert strategy.violations()["share_max"].sum() == 0


def test_without_the_constraint_it_would_not_hold() -> None:
    _, share, _ = played("v4:share_max=0.9", "T1")
    assert share.max() > 0.3
    assert share.min() < 0.02


@pytest.mark.slow
def test_a_ceiling_on_attempts_holds_over_a_tide() -> None:
    _, _, free = played("v4:share_max=1,attempts_max=9", "T3-tide")
    _, _, held = played("v4:attempts_max=1.2", "T3-tide")
    assert (free.attempts / 300).min() > 1.4
    assert (held.attempts / 300).max() <= 1.21


@pytest.mark.slow
def test_a_floor_under_success_keeps_requests_from_being_given_up() -> None:
    _, _, free = played("cascade:success_min=0.01", "hopeless")
    _, _, held = played("cascade:success_min=1", "hopeless")
    assert held.balancer.delivered.mean() > 1.2 * free.balancer.delivered.mean()


def test_a_constraint_that_cannot_be_held_is_counted() -> None:
    strategy, _, _ = played("v4:success_min=0.99", "hopeless", requests=100)
    assert strategy.violations().keys() == {"success_min"}
    assert strategy.violations()["success_min"].min() > 50


def test_by_hand() -> None:
    played = Table(Constrained(Thompson(), share_min=0.5), 2, means=True)
    played.tell(0, "S" * 9)
    assert [played.arm() for _ in range(6)] == [0, 0, 1, 0, 1, 0]


def test_a_share_that_cannot_be_is_an_equal_one() -> None:
    _, share, _ = played("v4:share_min=1", "T1", requests=100)
    assert share.min() > 0.07


def test_what_wears_it_goes_on_where_it_was_and_with_other_servers() -> None:
    one, other = (Constrained(Thompson(), share_min=0.1) for _ in range(2))
    rules = Rules(3)
    for strategy, seed in ((one, 1), (other, 2)):
        strategy.reset(rules, 2, np.random.default_rng(seed))
    one.queues.owed[:] = [[1, 2, 3], [4, 5, 6]]
    one.inner.counts.ended[:, 0] = 7  # type: ignore[attr-defined]
    state = one.state()
    other.load(type(state).from_bytes(state.to_bytes()))
    assert other.queues.owed.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (other.inner.counts.ended[:, 0] == 7).all()  # type: ignore[attr-defined]
    other.resize(np.array([2, -1]))
    assert other.queues.owed.tolist() == [[3, 0], [6, 0]]
    assert other.inner.counts.ended[0, 0].tolist() == [7, 0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["v1", "v4", "cascade", "p2c-ewma", "outlier", "primal-dual"])
def test_what_wears_it_keeps_the_rules(name: str) -> None:
    def make() -> Strategy:
        return parse(f"{name}:share_min=0.05,share_max=0.4,attempts_max=2.5,success_min=0.5")

    for rule in (
        "moves are legal",
        "it sends only to available servers, and only while attempts are left",
        "servers come and go: it keeps what it knows of those that stay, and of no others",
    ):
        check(make, rule)


def test_the_name_says_what_it_wears() -> None:
    assert canonical("v4:share_min=0.050") == "v4:share_min=0.05"
    assert canonical("v6:share_max=0.5,cooldown=2,a=1") == "v6:cooldown=2,share_max=0.5"
    assert canonical("v4:share_min=0") == "v4"
    assert parse("v4:share_min=0") == Thompson()
    assert parse("v4:a=2,share_min=0.1") == Constrained(Thompson(a=2), share_min=0.1)
    assert is_built_in(load("v4:share_min=0.1"))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("v4:share_min=2", "v4: share_min must be a number at least 0 and at most 1, not 2"),
        ("v4:share_min=0.5,share_max=0.1", "share_min 0.5 is above share_max 0.1"),
        ("v4:attempts_max=0.5", "attempts_max must be a number at least 1"),
        ("v4:share_mn=0.1", "did you mean share_min"),
        ("v4:share_min=x", "share_min must be a number, not 'x'"),
        ("oracle:share_min=0.1", "takes no constraints"),
    ],
)
def test_what_is_wrong_is_named(spec: str, said: str) -> None:
    with pytest.raises(UnknownStrategyError, match=said):
        parse(spec)
