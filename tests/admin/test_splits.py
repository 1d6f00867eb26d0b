"""A/B tests: what is counted since when, and what is said of it."""

import orjson
import pytest

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.admin.splits import shown
from flaky_load_balancer.core.events import Delivery, Ending
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.proxy.split import Split
from tests.routes import answering, route


def arm(strategy: str) -> Route:
    made = route(answering(), name=f"r~{strategy}")
    made.strategy = strategy
    return made


def ended(served: Route, delivered: int, given_up: int, seconds: float = 0.01) -> None:
    for ending, count in ((Ending.DELIVERED, delivered), (Ending.GIVEN_UP, given_up)):
        for _ in range(count):
            served.tally.add(Delivery(1, "a", 10.0, 10.0 + seconds, ending, 1, False))


def told(split: Split) -> schemas.Split:
    return schemas.Split.model_validate_json(orjson.dumps(shown(split)))


def split(*routes: Route) -> Split:
    return Split.begin("r", [(1 / len(routes), each) for each in routes], 5.0)


def test_a_difference_is_told_where_the_interval_leaves_out_0() -> None:
    v4, cascade = arm("v4"), arm("cascade")
    test = split(v4, cascade)
    ended(v4, 900, 100)
    ended(cascade, 990, 10, 0.1)
    said = told(test)
    (found,) = said.differences
    assert (found.more, found.less) == ("r~cascade", "r~v4")
    assert found.success.mean == pytest.approx(0.09)
    assert found.success.ci95[0] == pytest.approx(0.058, abs=0.003)
    assert said.verdict.startswith("cascade delivers 9.0 percentage points more than v4 (5.")
    assert [each.success and each.success.mean for each in said.arms] == [0.9, 0.99]
    assert [each.percent for each in said.arms] == [50, 50]
    assert said.arms[1].latency_ms.p50 == pytest.approx(100, rel=0.03)


def test_no_difference_is_shown_while_the_interval_holds_0() -> None:
    v4, cascade = arm("v4"), arm("cascade")
    test = split(v4, cascade)
    ended(v4, 90, 10)
    assert told(test).verdict == "No request has come to cascade yet."
    assert told(test).arms[1].success is None
    ended(cascade, 95, 5)
    assert told(test).verdict.startswith("No difference shown yet: ")


def test_of_three_the_pairs_that_differ_are_told_and_all_intervals_hold_together() -> None:
    two = split(arm("v4"), arm("cascade"))
    three = split(arm("v4"), arm("cascade"), arm("random"))
    for test, counts in (
        (two, [(900, 100), (940, 60)]),
        (three, [(900, 100), (940, 60), (500, 500)]),
    ):
        for each, (delivered, given_up) in zip(test.arms, counts, strict=True):
            ended(each.route, delivered, given_up)
    pairs = told(three).differences
    assert len(pairs) == 3
    assert pairs[0].success.ci95[0] < told(two).differences[0].success.ci95[0]  # type: ignore[operator]
    assert told(three).verdict.count("more than random") == 2
    assert told(three).verdict.count("more than") == 2  # between the best two there is none yet


def test_what_was_before_the_test_does_not_count() -> None:
    v4, cascade = arm("v4"), arm("cascade")
    ended(v4, 0, 500, 5.0)
    test = split(v4, cascade)
    ended(v4, 10, 0)
    first = told(test).arms[0]
    assert (first.requests, first.delivered) == (10, 10)
    assert first.latency_ms.p99 == pytest.approx(10, rel=0.03)


def test_other_shares_or_strategies_are_another_test() -> None:
    v4, cascade = arm("v4"), arm("cascade")
    test = split(v4, cascade)
    assert test.is_of([(0.5, v4), (0.5, cascade)])
    assert not test.is_of([(0.6, v4), (0.4, cascade)])
    assert not test.is_of([(0.5, v4), (0.5, arm("cascade"))])
