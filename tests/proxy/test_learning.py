"""The numbers by which people see how a strategy learns."""

from typing import Any

import numpy as np
import pytest

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Bools, Outcome
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.proxy.request import Decision
from strategies.constrained import Constrained
from strategies.cusum_ucb import CusumUCB
from strategies.v4_thompson import Thompson
from tests.routes import SERVERS, answering, deliver, route

BELIEFS = {
    "mean": np.array([0.9, 0.5, 0.7]),
    "low": np.array([0.8, 0.1, 0.5]),
    "high": np.array([1.0, 0.9, 0.8]),
}


def decided(arm: int, eligible: list[bool] | None = None, time: float = 99.0) -> Decision:
    among: Bools | None = None if eligible is None else np.array(eligible)
    name = SERVERS[arm] if arm >= 0 else None
    return Decision(1, time, 1, "a", 1, arm, name, None, None, among, None)


def learning(decisions: list[Decision], beliefs: Any = BELIEFS) -> Learning:
    return Learning.of(Thompson(), beliefs, decisions, SERVERS, 100.0)


def test_exploration_is_what_does_not_go_to_the_best_that_is_eligible() -> None:
    full = [False, True, True]
    sent = [decided(0), decided(1), decided(2, full), decided(1, full), decided(-1)]
    found = learning(sent)
    assert found.exploration == 0.5
    assert found.width == pytest.approx((0.2 + 0.8 + 0.3 + 0.8) / 4)


def test_old_decisions_and_those_about_other_servers_do_not_count() -> None:
    other = decided(0)
    other.server = "http://gone"
    found = learning([decided(1, time=39.0), other])
    assert found.exploration is None
    assert found.width == pytest.approx((0.2 + 0.8 + 0.3) / 3)  # of all servers


def test_a_strategy_that_believes_and_detects_nothing_says_nothing() -> None:
    found = learning([decided(0)], {})
    assert (found, found.shown()) == (Learning(), {})


async def test_a_route_says_when_it_last_saw_a_change() -> None:
    strategy: Strategy = CusumUCB(first=4, threshold=2.0, explore=0.0)
    worn = Constrained(strategy, success_min=1.0)
    outcomes = [Outcome.SUCCEEDED] * 30 + [Outcome.FAILED] * 200
    found = route(answering(*outcomes), worn)
    for _ in range(30):
        await deliver(found)
    assert found.learning(7.0).changed is None
    assert found.learning(7.0).alarms == 0
    for _ in range(20):
        await deliver(found)
    later = found.learning(8.0)
    assert (later.alarms or 0) > 0
    assert later.changed == 8.0
    assert found.learning(9.0).changed == 8.0
    assert later.shown()["violations"] == {"success_min": later.violations["success_min"]}


def test_of_several_workers_violations_are_summed_and_alarms_are_the_same() -> None:
    parts = [
        Learning(0.2, 0.1, 3, {"share_min": 4}),
        Learning(0.4, 0.3, 2, {"share_min": 5}),
        Learning(),
    ]
    found = Learning.together(parts, {"share_min": 10, "share_max": 1})
    assert found.exploration == pytest.approx(0.3)
    assert found.width == pytest.approx(0.2)
    assert found.alarms == 3
    assert found.violations == {"share_min": 19, "share_max": 1}
