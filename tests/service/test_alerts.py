"""Alerts: told once when a threshold is crossed for a while, once when that is over."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from flaky_load_balancer.config import Alerts, Settings, Thresholds
from flaky_load_balancer.proxy.http1 import Client
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.service.alerts import LastMinute, Watch
from flaky_load_balancer.service.webhook import WAITING, Webhook
from tests.routes import answering, route
from tests.service.origins import Origin, Served, free_url, origins, serving, settings

THRESHOLDS = Thresholds(exploration=0.5, since_change=30.0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


def told(receiver: Origin) -> list[tuple[Any, ...]]:
    bodies = [json.loads(each.body) for each in receiver.seen]
    return [(each["status"], each["route"], each["measure"]) for each in bodies]


def alerting(origin: Origin, url: str | None, **more: Any) -> Settings:
    """A route on which the floor under the success rate cannot be held."""
    found = settings([origin.url, free_url()], strategy="v4:success_min=1")
    return replace(found, alerts=Alerts(url, 0.0, Thresholds(violations=0), **more))


async def violated(served: Served) -> None:
    """So many requests fail that the floor is not held."""
    for _ in range(12):
        await served.http.get("/")


def watched(found: Learning) -> Watch:
    watch = Watch(route(answering()))
    watch.route.told = found
    return watch


def looked(watch: Watch, at: Thresholds, now: float, lasting: float) -> list[dict[str, Any]]:
    """What is told after a frame."""
    watch.route.learning(now)
    return list(watch.look(at, now, lasting))


async def statuses(watch: Watch, values: Sequence[float | None], lasting: float) -> list[list[str]]:
    """What is told at each second."""
    said = []
    for second, value in enumerate(values):
        watch.route.told = Learning(exploration=value)
        told = looked(watch, THRESHOLDS, float(second), lasting)
        said.append([each["status"] for each in told])
    return said


async def test_an_alert_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    watch = watched(Learning())
    said = await statuses(watch, [0.4, 0.6, 0.7, 0.9, 0.5, 0.2, None], 0.0)
    assert said == [[], ["firing"], [], [], ["resolved"], [], []]


async def test_what_does_not_last_is_not_told() -> None:
    watch = watched(Learning())
    flapping = [0.6, 0.4, 0.6, 0.4, 0.6, 0.6, 0.6, 0.4, 0.6, 0.4, 0.4, 0.4]
    said = await statuses(watch, flapping, 2.0)
    assert [second for second, told in enumerate(said) if told] == [6, 11]
    assert watch.route.firing == {}


async def test_a_change_is_told_until_it_is_long_ago() -> None:
    watch = watched(Learning(alarms=0))
    assert looked(watch, THRESHOLDS, 0.0, 0.0) == []
    watch.route.told = Learning(alarms=1)
    (alert,) = looked(watch, THRESHOLDS, 5.0, 0.0)
    assert alert == {
        **{"status": "firing", "route": "v4-T1", "measure": "since_change"},
        **{"value": 0.0, "threshold": 30.0, "since": 5.0},
    }
    assert looked(watch, THRESHOLDS, 34.9, 0.0) == []
    assert [each["status"] for each in looked(watch, THRESHOLDS, 35.0, 0.0)] == ["resolved"]


async def test_an_alert_that_nobody_wants_any_more_is_over_at_once() -> None:
    watch = watched(Learning(exploration=0.9))
    assert len(looked(watch, THRESHOLDS, 0.0, 0.0)) == 1
    (alert,) = looked(watch, Thresholds(), 1.0, 100.0)
    assert (alert["status"], alert["threshold"]) == ("resolved", None)


def test_counts_are_those_of_the_last_minute() -> None:
    minute = LastMinute()
    counts = [(0.0, 3.0), (10.0, 8.0), (59.0, 9.0), (69.0, 9.0), (70.0, 9.0), (200.0, 9.0)]
    assert [minute.grown(count, now) for now, count in counts] == [3, 8, 9, 6, 1, 0]
    assert minute.grown(1.0, 201.0) == 1  # the strategy began anew


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_violations_are_told_counted_and_shown(workers: int) -> None:
    async with origins(["500"], ["ok"]) as (bad, receiver):
        found = replace(alerting(bad, receiver.url + "/hook?key=1"), workers=workers)
        async with serving(found) as served:
            await violated(served)
            await until(lambda: len(receiver.seen) == 1)
            assert told(receiver) == [("firing", "r", "violations")]
            (seen,) = receiver.seen
            assert (seen.method, seen.target) == ("POST", "/hook?key=1")
            assert seen.all("content-type") == ["application/json"]
            frame = (await served.admin.get("/api/snapshot")).json()["routes"][0]
            assert [each["measure"] for each in frame["alerts"]] == ["violations"]
            count = frame["violations"]["success_min"]
            metrics = (await served.admin.get("/metrics")).text
            assert 'flb_alert_firing{measure="violations",route="r"} 1.0' in metrics
            line = 'flb_constraint_violations_total{constraint="success_min",route="r"}'
            assert f"{line} {float(count)}" in metrics
            assert count > 0


async def test_a_reload_takes_an_alert_away() -> None:
    async with origins(["500"], ["ok"]) as (bad, receiver):
        before = alerting(bad, receiver.url)
        after = replace(before, alerts=Alerts(receiver.url, 0.0))
        async with serving(before, lambda: after) as served:
            await violated(served)
            await until(lambda: len(receiver.seen) == 1)
            answer = (await served.admin.post("/api/reload")).json()
            assert answer == {"changed": ["alerts"], "restart": []}
            await until(lambda: len(receiver.seen) == 2)
            assert told(receiver)[1] == ("resolved", "r", "violations")


async def test_a_route_has_thresholds_of_its_own() -> None:
    async with origins(["500"], ["ok"]) as (bad, receiver):
        quiet = {"r": Thresholds(violations=1e6, exploration=0.0, width=0.0)}
        async with serving(alerting(bad, receiver.url, routes=quiet)) as served:
            await violated(served)
            await until(lambda: len(receiver.seen) > 0)
            assert "violations" not in served.route().firing


async def test_a_webhook_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaky_load_balancer.service.webhook.WAITS", (0.0, 0.0, 0.0))
    async with (
        origins(["500"], ["503", "close", "ok"]) as (bad, receiver),
        serving(alerting(bad, receiver.url)) as served,
    ):
        await violated(served)
        await until(lambda: len(receiver.seen) == 3)
        assert told(receiver) == [("firing", "r", "violations")] * 3


@pytest.mark.parametrize("fault", ["hang", "refused"])
async def test_a_webhook_that_is_in_trouble_holds_up_nobody(
    fault: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaky_load_balancer.service.webhook.WAITS", (0.0, 0.0))
    if fault == "hang":
        monkeypatch.setattr("flaky_load_balancer.service.webhook.TIMEOUT", 0.05)
    async with origins(["500"], ["hang"]) as (bad, receiver):
        url = receiver.url if fault == "hang" else free_url()
        async with serving(alerting(bad, url + "/secret")) as served:
            await violated(served)
            await until(lambda: "does not take an alert" in caplog.text)
            assert (await served.http.get("/")).status_code == 500
            assert "route r: violations is" in caplog.text
            assert "secret" not in caplog.text


async def test_of_too_many_messages_the_oldest_are_dropped() -> None:
    async with origins(["hang"]) as (receiver,):
        client = Client()
        webhook = Webhook(receiver.url, client)
        for number in range(WAITING + 5):
            webhook.send({"number": number})
        await until(lambda: len(receiver.seen) == 1)
        webhook.close()
        assert json.loads(receiver.seen[0].body) == {"number": 5}
