"""Which of two answers people like better: by HTTP to the strategy, and into the records."""

from pathlib import Path
from typing import Any

import pytest

from flaky_load_balancer.config import Gateway, Part
from flaky_load_balancer.core.events import Preferred
from flaky_load_balancer.core.types import Preference
from flaky_load_balancer.gateway.ledger import OLDEST
from flaky_load_balancer.records import Records
from tests.gateway.providers import FakeProvider, gateway
from tests.gateway.test_feedback import RATED, ask, rate, recorded
from tests.service import origins
from tests.service.origins import Served


def told(served: Served, name: str = "r") -> list[tuple[int, int, bool]]:
    """Every preference that a strategy hears of: better, worse, whether it corrects."""
    heard: list[tuple[int, int, bool]] = []

    def prefer(said: Preference) -> None:
        assert said.features is not None
        assert said.corrects is not None
        heard.append((said.better.item(), said.worse.item(), said.corrects.item()))

    served.route(name).balancer.strategy.prefer = prefer
    return heard


async def answers(served: Served, count: int) -> list[str]:
    """Decisions, of the servers in turn."""
    return [(await ask(served)).headers["X-FLB-Decision"] for _ in range(count)]


async def test_rucb_learns_live_whose_answers_people_like() -> None:
    """Every question is asked twice: of a champion, and of who may beat it."""
    plans = ["ok"], ["ok"]
    liked = Gateway(reward="feedback")
    async with gateway(*plans, settings_of=liked, strategy="rucb") as (served, (_, likely)):
        for _ in range(10):
            pair = {}
            for _ in range(2):
                answer = await ask(served)
                pair[answer.headers["X-FLB-Server"]] = answer.headers["X-FLB-Decision"]
            if len(pair) == 2:
                assert await rate(served, better=pair["b"], worse=pair["a"]) == 202
        before = len(likely.seen)
        await answers(served, 10)
        wins = served.route().balancer.strategy.state().arrays["wins"][0]
    assert wins[1, 0] >= 1
    assert wins[0, 1] == 0
    assert len(likely.seen) - before == 10


async def test_the_last_word_on_two_answers_counts_and_only_once() -> None:
    async with gateway(["ok"], ["ok"], settings_of=RATED) as (served, _):
        heard = told(served)
        one, two, three = await answers(served, 3)
        for better, worse in ((one, two), (one, two), (two, one), (one, two), (one, three)):
            assert await rate(served, better=better, worse=worse) == 202
        run = served.route().tally.run()
    assert heard == [(0, 1, False), (1, 0, True), (0, 1, True)]  # one and three: of one server
    assert run["reward"] is None


async def test_both_strategies_of_an_ab_test_hear_it() -> None:
    split = Part("rucb", 50), Part("linucb", 50)
    async with gateway(["ok"], ["ok"], settings_of=RATED, split=split) as (served, _):
        shown = served.service.routes.shown
        heard = [told(served, route.name) for route in shown]
        ledger = served.service.routes.gateways[0].route.ledger
        ids: dict[tuple[str, str], str] = {}
        while {route for route, _ in ids} != {route.name for route in shown} or len(ids) < 3:
            decision = (await answers(served, 1))[0]
            decided = ledger.find(decision)
            assert decided is not None
            ids[decided.route, decided.server] = decision
        better, worse = _of_both(ids)
        assert await rate(served, better=better, worse=worse) == 202
    assert len(heard) == 2
    assert heard[0] == heard[1] != []


def _of_both(ids: dict[tuple[str, str], str]) -> tuple[str, str]:
    """Answers of two servers, one for each strategy."""
    return next(
        (ids[one], ids[other])
        for one in ids
        for other in ids
        if one[0] != other[0] and one[1] != other[1]
    )


@pytest.mark.parametrize(
    ("body", "status", "param", "message"),
    [
        ({"better": "ONE"}, 400, "worse", "must be the id"),
        ({"worse": "ONE"}, 400, "better", "must be the id"),
        ({"better": "ONE", "worse": 2}, 400, "worse", "must be the id"),
        ({"better": ["ONE"], "worse": "TWO"}, 400, "better", "must be the id"),
        ({"better": "ONE", "worse": "TWO", "reward": 1}, 400, None, "either id and reward, or"),
        ({"better": "ONE", "worse": "ONE"}, 400, "worse", "the same answer"),
        ({"better": "ONE", "worse": "chatcmpl-?"}, 404, "worse", "No answer 'chatcmpl-?'"),
        ({"better": "dec-0-99-0123456789abcdef", "worse": "ONE"}, 404, "better", "No answer"),
        ({"better": "ONE", "worse": "OLD"}, 404, "worse", "of the last 24 hours"),
    ],
)
async def test_a_wrong_pair_is_refused_and_teaches_nothing(
    body: dict[str, Any], status: int, param: str | None, message: str
) -> None:
    async with gateway(["ok"], ["ok"], settings_of=RATED) as (served, _):
        heard = told(served)
        named = dict(zip(("ONE", "TWO", "OLD"), await answers(served, 3), strict=True))
        ledger = served.service.routes.gateways[0].route.ledger
        old = ledger.find(named["OLD"])
        assert old is not None
        old.time -= OLDEST
        body = {key: named.get(str(value), value) for key, value in body.items()}
        answer = await served.http.post("/v1/feedback", json=body)
        error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert message in error["message"]
    assert not heard


async def test_pairs_are_recorded_and_known_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [FakeProvider(["ok"]), FakeProvider(["ok"])]
    async with origins.listening(found):
        async with recorded(tmp_path, found, monkeypatch) as (served, recorder):
            run = served.route().run
            one, two = await answers(served, 2)
            assert await rate(served, better=one, worse=two) == 202
            assert await rate(served, better=two, worse=one) == 202
            assert recorder.flush(10)
        async with recorded(tmp_path, found, monkeypatch) as (served, _):
            heard = told(served)
            for better, worse in ((two, one), (one, two)):
                assert await rate(served, better=better, worse=worse) == 202
    assert heard == [(0, 1, True)]
    said = [event for event in Records(tmp_path).events(run) if isinstance(event, Preferred)]
    assert [(each.server, each.other_run, each.other_server) for each in said][:2] == [
        (0, run, 1),
        (1, run, 0),
    ]
