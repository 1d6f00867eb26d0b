"""cascade by hand: when it sends, waits and stops, and that its regret is small."""

from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Action, Context, Rules
from flaky_load_balancer.registry.conformance import check
from flaky_load_balancer.registry.conformance.promises import RULES
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.engine.simulator import simulate
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.worlds.world import rules_of
from strategies.capacity.forecast import Forecast
from strategies.cascade import Cascade
from strategies.lints import LinThompson
from strategies.linucb import LinUCB
from strategies.p2c_ewma import P2cEwma
from strategies.v4_thompson import Thompson
from strategies.v6_thompson_masked import ThompsonMasked
from tests.strategies.table import Table

NOON = 2.0**30  # clocks may start anywhere


def table(arms: int = 2, **hyperparameters: Any) -> Table:
    return Table(Cascade(**hyperparameters), arms, means=True)


def ask(played: Table, now: float, *, deadline: float, attempt: int = 1) -> Action:
    """A request that is known by its deadline asks what to do."""
    tried = np.zeros((1, played.arms), dtype=bool)
    one = np.array([0]), np.array([now]), np.array([attempt]), tried, np.array([deadline])
    request = np.array([int(100 * deadline)])
    return played.strategy.select(Context.of(*one, request=request))


def serve(played: Table, outcomes: str, *, start: float, every: float) -> float:
    """Send to server 0 so often, with these outcomes; when the next would be sent."""
    for k, outcome in enumerate(outcomes):
        now = start + k * every
        ask(played, now, deadline=now + 10)
        played.tell(0, outcome, now=now + 0.001, latency=0.001)
    return start + len(outcomes) * every


def test_where_no_server_refused_nothing_is_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor of requests of known sizes, each of which would take a forecast of its own."""

    def forecast(*of: Any) -> None:
        raise AssertionError("a forecast")

    monkeypatch.setattr(Forecast, "ready_after", forecast)
    played = table()
    for now in range(3):
        request = Context.of(
            *(np.array([0]), np.array([NOON + now]), np.array([1]), np.zeros((1, 2), dtype=bool)),
            np.array([NOON + now + 10]),
            size=np.array([100.0]),
        )
        assert played.strategy.select(request).arm.item() in {0, 1}


def refused_twice_as_fast(start: float) -> Table:
    """A single server that admits every 0.1 s and refused after 0.05 s; its last at ``start``."""
    played = table(arms=1)
    now = serve(played, "S" * 40, start=start - 4.0, every=0.1)
    now = serve(played, "R", start=now - 0.05, every=0.05)
    serve(played, "S", start=now, every=0.1)
    return played


@pytest.mark.parametrize("start", [16.0, NOON])
def test_it_holds_until_the_next_admission(start: float) -> None:
    played = refused_twice_as_fast(start)
    action = ask(played, start + 0.01, deadline=start + 10, attempt=2)
    assert action.arm[0] == HOLD
    assert action.until is not None
    assert 0.05 < action.until[0] - start < 0.15


def test_a_held_request_is_sent_when_it_was_promised_to_be() -> None:
    played = refused_twice_as_fast(16.0)
    until = ask(played, 16.01, deadline=26.0, attempt=2).until
    assert until is not None
    sent = ask(played, float(until[0]), deadline=26.0, attempt=2)
    assert sent.arm[0] == 0
    assert sent.index is not None
    assert sent.index.tolist() == [[-np.inf]]  # nothing was compared


def test_promises_are_kept_apart() -> None:
    """No herd: each request that is held is promised an admission of its own, in order."""
    played = refused_twice_as_fast(16.0)
    actions = [ask(played, 16.01, deadline=26.0 + k, attempt=2) for k in range(4)]
    times = [float(action.until[0]) for action in actions if action.until is not None]
    assert [int(action.arm[0]) for action in actions] == [HOLD] * 4
    assert np.diff(times).min() > 0.05


def test_a_queue_makes_it_send_before_an_admission_is_certain() -> None:
    """Else a queue feeds itself: certain admissions tell nothing of how large a limit is."""
    patient, crowded = (refused_twice_as_fast(16.0) for _ in range(2))
    ends = []
    for played, many in ((patient, 1), (crowded, 40)):
        for k in range(many):
            action = ask(played, 16.01, deadline=26.0 + k, attempt=2)
        assert action.until is not None
        ends.append((float(action.until[0]) - 16.0) / many)
    assert ends[1] < 0.9 * ends[0]


def test_without_hope_a_free_attempt_is_sent_at_once_and_a_paid_one_given_up() -> None:
    played = refused_twice_as_fast(16.0)
    assert ask(played, 16.01, deadline=16.03, attempt=1).arm[0] == 0
    assert ask(played, 16.02, deadline=16.04, attempt=5).arm[0] == GIVE_UP


def test_where_nothing_is_worth_its_wait_it_asks_the_server_that_refused_longest_ago() -> None:
    """Not the one that is forecast to be open first: that forecast may be wrong for long."""
    played = table(arms=2)
    played.tell(1, "R" * 10, now=15.0, latency=0.001)
    played.tell(0, "R", now=16.0, latency=0.001)
    ready = played.strategy.retry_at(np.array([16.0]))
    assert ready[0, 0] < ready[0, 1]
    assert isinstance(played.strategy, Cascade)
    played.strategy.promises.held[:] = 1e6  # so many wait behind this one
    assert ask(played, 16.0, deadline=26.0).arm[0] == 1


def test_where_expected_admissions_are_refused_nobody_pays_for_servers_that_did_not_refuse() -> (
    None
):
    played = table(arms=2)
    played.tell(1, "S" * 12, now=1.0)
    assert ask(played, 2.0, deadline=12.0, attempt=4).arm[0] == 1
    played.tell(0, "R" * 8, now=3.0)
    assert ask(played, 4.0, deadline=14.0, attempt=4).arm[0] == GIVE_UP
    assert ask(played, 4.0, deadline=15.0, attempt=3).arm[0] == 1
    played.tell(1, "S" * 20, now=5.0)
    assert ask(played, 6.0, deadline=16.0, attempt=4).arm[0] == 1


def test_where_new_requests_find_nothing_no_paid_attempt_is_made() -> None:
    played = table(arms=1)
    played.tell(0, "SSSSSSSSSSSS", now=1.0)
    assert ask(played, 2.0, deadline=12.0, attempt=5).arm[0] == 0
    assert isinstance(played.strategy, Cascade)
    played.strategy.missed[:] = 0.9
    assert ask(played, 2.0, deadline=12.0, attempt=5).arm[0] == GIVE_UP


def test_it_never_holds_beyond_the_deadline() -> None:
    played = refused_twice_as_fast(16.0)
    for attempt in range(1, 4):
        action = ask(played, 16.01, deadline=16.21 + attempt / 100, attempt=attempt)
        assert action.until is not None
        assert action.until[0] < 16.21 + attempt / 100


def test_the_index_of_a_server_that_comes_too_late_is_no_number() -> None:
    played = refused_twice_as_fast(16.0)
    soon = ask(played, 16.01, deadline=26.0, attempt=2).index
    late = ask(played, 16.01, deadline=16.03, attempt=2).index
    assert soon is not None
    assert late is not None
    assert 0 < soon[0, 0] < 1
    assert late[0, 0] == -np.inf


def test_without_limits_the_best_server_is_taken_again_at_once() -> None:
    played = table()
    played.tell(0, "SSSSSSSS", now=1.0)
    played.tell(1, "SFFFFF", now=1.0)
    for attempt in (1, 2, 3):
        assert ask(played, 2.0, deadline=12.0, attempt=attempt).arm[0] == 0
        played.tell(0, "F", now=2.0, latency=0.0)


def test_after_a_refusal_at_once_another_server_is_taken_first() -> None:
    played = table(hurry=100.0)
    played.tell(1, "SSSF", now=0.5)
    serve(played, "SR", start=1.0, every=0.001)
    assert ask(played, 1.003, deadline=11.0, attempt=3).arm[0] == 1


def test_a_refusal_teaches_nothing_about_quality() -> None:
    played = table()
    before = played.beliefs(1.0)["mean"]
    played.tell(0, "RRR", now=1.0)
    assert played.beliefs(1.0)["mean"] == before == [2 / 3, 2 / 3]


@pytest.mark.parametrize(("outcomes", "move"), [("S" * 8, 0), ("F" * 8, GIVE_UP)])
def test_it_pays_only_where_that_brings_more_than_it_costs(outcomes: str, move: int) -> None:
    played = table(arms=1)
    played.tell(0, outcomes, now=1.0)
    assert ask(played, 2.0, deadline=12.0, attempt=4).arm[0] == move


def test_free_attempts_are_never_given_up() -> None:
    played = table(arms=1)
    played.tell(0, "F" * 50, now=1.0)
    assert ask(played, 2.0, deadline=12.0, attempt=3).arm[0] == 0


def test_retry_after_is_believed() -> None:
    played = table(arms=1)
    ask(played, 1.0, deadline=11.0)
    played.tell(0, "R", now=1.0, latency=0.0, retry_after=5)
    action = ask(played, 1.5, deadline=11.0, attempt=2)
    assert action.arm[0] == HOLD
    assert action.until is not None
    assert 5.0 < action.until[0] <= 6.0


@pytest.mark.parametrize("said", [np.nan, 2.0])
def test_retry_after_ends_a_wait_that_refusals_in_a_row_made_longer(said: float) -> None:
    played, now, pause = table(arms=1), 1.0, 0.0
    for _ in range(10):
        ask(played, now, deadline=now + 60.0)
        played.tell(0, "R", now=now, latency=0.0, retry_after=said)
        pause = float(played.beliefs(now)["until"][0]) - now
        now += pause
    assert pause == pytest.approx(2.0) if said == 2.0 else pause > 3.0


def test_beliefs_name_capacity_and_when_it_is_back() -> None:
    played = refused_twice_as_fast(16.0)
    beliefs = played.beliefs(16.02)
    assert 8 < beliefs["capacity"][0] < 20
    assert 16.05 < beliefs["until"][0] < 16.2
    assert table().beliefs(1.0)["capacity"] == [np.inf, np.inf]


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_it_keeps_the_rules_with_features(rule: str) -> None:
    check(partial(Cascade, features="on"), rule)


TASKS_AND_LIMITS = """
name = "tasks-and-limits"
servers = 6
failure.values = [0.03, 0.05, 0.04, 0.1, 0.1, 0.05]
limit = { kind = "token-bucket", window = 1.0, values = [2, 3, 1, 2, 2, 3], burst = 2 }
tasks = { code = 0.3, math = 0.3, chat = 0.4 }
[quality]
code = [0.95, 0.4, 0.5, 0.9, 0.3, 0.5]
math = [0.4, 0.95, 0.5, 0.3, 0.9, 0.5]
chat = [0.8, 0.7, 0.9, 0.7, 0.75, 0.85]
"""


@pytest.mark.slow
@pytest.mark.parametrize("parent", [Cascade, LinUCB, LinThompson])
def test_where_tasks_and_limits_meet_it_is_ahead_of_both_parents(parent: type[Strategy]) -> None:
    scenario = scenarios.parse(TASKS_AND_LIMITS, source="test")
    rules = rules_of(scenario, Rules(scenario.servers))
    both, alone = (
        simulate(strategy, scenario, rules, requests=300, replications=6).score.mean()
        for strategy in (Cascade(features="on"), parent())
    )
    assert both > alone + 4.0


@pytest.mark.parametrize("name", ["hurry", "drift", "sharpness", "a", "features"])
def test_hyperparameters_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Cascade(**cast(Any, {name: 0.0}))


HELD_OUT = Path(__file__).parent.parent / "simulation" / "scenarios_heldout"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["T2", "T2-tight", str(HELD_OUT / "fixed-short-steps.toml")])
def test_its_regret_is_less_than_half_of_the_others(name: str) -> None:
    scenario = scenarios.find(name)
    rules = Rules(scenario.servers)
    fleet = Servers(Fleet.draw(scenario, 0, replications=16))
    bound = bounds(fleet, 500, rate=10.0, deadline=10.0, rules=rules)

    def regret(strategy: Strategy) -> float:
        run = simulate(strategy, scenario, rules, requests=500, replications=16)
        return float((bound - run.score).mean())

    others = min(map(regret, (Thompson(), ThompsonMasked(), P2cEwma())))
    assert 0 < regret(Cascade()) < 0.5 * others
