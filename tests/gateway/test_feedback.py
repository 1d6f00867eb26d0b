"""What answers were worth: by a decision's id or an answer's, twice, and after a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flaky_load_balancer.config import Gateway
from flaky_load_balancer.gateway import feedback
from flaky_load_balancer.gateway.ledger import Decided, Ledger, decision_id, place
from flaky_load_balancer.records import Recorder, Records
from flaky_load_balancer.service.running import Service
from tests.gateway.providers import CHAT, FakeProvider, gateway, settings
from tests.service import origins
from tests.service.origins import Served

RATED = Gateway(reward="feedback", features=("task", "hash:4"))


async def ask(served: Served, **more: Any) -> Any:
    answer = await served.http.post("/v1/chat/completions", json={**CHAT, **more})
    assert answer.status_code == 200
    return answer


async def rate(served: Served, **body: Any) -> int:
    return (await served.http.post("/v1/feedback", json=body)).status_code


def told(served: Served) -> list[tuple[int, float, float]]:
    """Every reward that the strategy hears of: server, value, what it corrects."""
    heard: list[tuple[int, float, float]] = []
    strategy = served.route().balancer.strategy

    def reward(reward: Any) -> None:
        assert reward.features.shape == (1, served.route().balancer.rules.features)
        heard.append((reward.arm.item(), reward.value.item(), reward.previous.item()))

    strategy.reward = reward
    return heard


async def test_a_rating_reaches_the_strategy_and_a_later_one_corrects_it() -> None:
    async with gateway(["ok"], ["ok"], settings_of=RATED) as (served, _):
        heard = told(served)
        first, second = await ask(served), await ask(served)
        decision = first.headers["X-FLB-Decision"]
        assert await rate(served, id=decision, reward=0.25, comment="meh") == 202
        assert await rate(served, id=decision, reward=1) == 202
        assert await rate(served, id=second.headers["X-FLB-Decision"], reward=0.5) == 202
        run = served.route().tally.run()
    assert [each[:2] for each in heard] == [(0, 0.25), (0, 1.0), (1, 0.5)]
    assert str(heard[0][2]) == "nan"
    assert heard[1][2] == 0.25
    assert run["reward"] == pytest.approx(0.75)


async def test_the_answers_own_id_will_do() -> None:
    async with gateway(["ok"], settings_of=RATED) as (served, _):
        heard = told(served)
        assert await rate(served, id=(await ask(served)).json()["id"], reward=0.5) == 202
    assert [value for _, value, _ in heard] == [0.5]


async def test_a_stream_can_be_rated_and_one_that_broke_off_cannot() -> None:
    async with gateway(["ok", "early"], settings_of=RATED) as (served, _):
        whole, half = await ask(served, stream=True), await ask(served, stream=True)
        assert await rate(served, id=whole.headers["X-FLB-Decision"], reward=1) == 202
        assert await rate(served, id=half.headers["X-FLB-Decision"], reward=1) == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "dec-1-1-0123456789abcdef", "reward": 1}, 404),
        ({"id": "chatcmpl-none", "reward": 0}, 404),
        ({"id": "x", "reward": 1.01}, 400),
        ({"id": "x", "reward": True}, 400),
        ({"id": 7, "reward": 1}, 400),
        ([], 400),
    ],
)
async def test_what_cannot_be_rated_is_refused(body: Any, status: int) -> None:
    async with gateway(["ok"], settings_of=RATED) as (served, _):
        answer = await served.http.post("/v1/feedback", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@asynccontextmanager
async def recorded(
    folder: Path, found: list[FakeProvider], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Served, Recorder]]:
    """A gateway that records."""

    def service(made: Any, recorder: Recorder, session: str, read: Any) -> Service:
        return Service(made, recorder, recorder.start_session("serve"), read)

    with Recorder(folder) as recorder:
        monkeypatch.setattr(origins, "NoRecorder", lambda: recorder)
        monkeypatch.setattr(origins, "Service", service)
        made = replace(settings(found, gateway=RATED), data_dir=folder)
        async with origins.serving(made) as served:
            yield served, recorder


async def test_after_a_restart_ids_are_found_in_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [FakeProvider(["ok"]), FakeProvider(["ok"])]
    async with origins.listening(found):
        async with recorded(tmp_path, found, monkeypatch) as (served, recorder):
            run = served.route().run
            answers = [await ask(served) for _ in range(2)]
            ids = [answer.headers["X-FLB-Decision"] for answer in answers]
            assert await rate(served, id=ids[1], reward=0.25) == 202
            assert recorder.flush(10)
        async with recorded(tmp_path, found, monkeypatch) as (served, recorder):
            heard = told(served)
            assert await rate(served, id=ids[1], reward=0.75) == 202
            assert await rate(served, id=ids[0], reward=1) == 202
            assert await rate(served, id=answers[0].json()["id"], reward=0.5) == 202
            assert await rate(served, id=ids[0][:-1] + "x", reward=1) == 404
            assert recorder.flush(10)
    assert [each[:2] for each in heard][:2] == [(1, 0.75), (0, 1.0)]
    assert heard[0][2] == 0.25
    (row,) = [each for each in Records(tmp_path).runs() if each["run"] == run]
    assert row["reward"] == pytest.approx((0.75 + 1) / 2, abs=0.3)


async def test_where_all_are_recorded_only_the_last_ones_are_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "RECENT", 1)
    found = [FakeProvider(["ok"])]
    async with origins.listening(found), recorded(tmp_path, found, monkeypatch) as served:
        gateway, recorder = served
        ids = [(await ask(gateway)).headers["X-FLB-Decision"] for _ in range(3)]
        held = gateway.service.routes.gateways[0].route.ledger
        assert [held.find(each) is not None for each in ids] == [False, False, True]
        assert recorder.flush(10)
        for each in ids:
            assert await rate(gateway, id=each, reward=0.5) == 202


def test_only_the_newest_are_remembered() -> None:
    kept = Ledger(most=2)
    for number in range(3):
        decided = Decided("r", 1, number, "a", 0, None, 0.0)
        kept.remember(f"d{number}", f"a{number}", decided)
    assert kept.find("d0") is None
    assert kept.find("a0") is None
    assert kept.find("a2") is kept.find("d2") is not None
    assert place(decision_id(10, 255, "0123456789abcdef")) == (10, 255)
    assert place("dec-1") is None
