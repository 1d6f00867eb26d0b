"""The faults of providers: a caller sees a whole answer or an error, never half an answer."""

import json

import pytest

from flaky_load_balancer.config import Provider
from tests.gateway.providers import CHAT, PRICES, TEXT, gateway

STREAM = {**CHAT, "stream": True}
BEFORE = ["429", "429-later", "quota", "500", "503", "reset", "close", "garbage", "hang", "slow"]
KEYED = [Provider(key="sk-our-secret"), Provider(key="sk-other-secret")]


def said(text: str) -> str:
    """What the chunks of a stream say."""
    found = ""
    for line in text.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", []):
                found += choice["delta"].get("content") or ""
    return found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault", [*BEFORE, "redirect", "401", "403", "malformed", "cut", "error-first"]
)
async def test_before_its_first_token_another_server_answers(fault: str, stream: bool) -> None:
    if fault in {"malformed", "cut", "error-first"} and stream != (fault == "error-first"):
        pytest.skip("it comes later, or not at all")
    async with gateway([fault], ["ok"], providers=KEYED) as (served, (bad, good)):
        answer = await served.http.post("/v1/chat/completions", json=STREAM if stream else CHAT)
    assert answer.status_code == 200
    assert (answer.headers["X-FLB-Server"], answer.headers["X-FLB-Attempts"]) == ("b", "2")
    if stream:
        assert said(answer.text) == TEXT
        assert answer.text.endswith("data: [DONE]\n\n")
    else:
        assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert (len(bad.seen), len(good.seen)) == (1, 1)


@pytest.mark.parametrize("fault", ["cut", "stall", "malformed", "early", "error-later"])
async def test_a_stream_that_breaks_off_ends_in_an_error_and_not_as_a_success(fault: str) -> None:
    async with gateway([fault], ["ok"]) as (served, (bad, good)):
        answer = await served.http.post("/v1/chat/completions", json=STREAM)
        tally = served.route().tally
    last = json.loads(answer.text.strip().rpartition("data: ")[2])
    assert "error" in last
    assert "[DONE]" not in answer.text
    assert '{"de\n' not in answer.text  # nothing of what cannot be read
    assert said(answer.text) == "One two three"
    assert (len(bad.seen), len(good.seen)) == (1, 0)
    assert (tally.delivered, tally.outcomes[1][0]) == (0, 1)


async def test_a_stream_without_done_but_with_its_finish_reason_is_whole() -> None:
    async with gateway(["no-done"]) as (served, _):
        answer = await served.http.post("/v1/chat/completions", json=STREAM)
        assert served.route().tally.delivered == 1
    assert said(answer.text) == TEXT
    assert "error" not in answer.text


@pytest.mark.parametrize("fault", ["400", "404", "413", "422", "filter", "prefill", "context"])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_the_clients_is_not_repeated(fault: str, stream: bool) -> None:
    async with gateway([fault], ["ok"]) as (served, (bad, good)):
        answer = await served.http.post("/v1/chat/completions", json=STREAM if stream else CHAT)
    assert str(answer.status_code) == (fault if fault.isdigit() else "400")
    assert answer.json()["error"]["message"].startswith(("no", "This model"))
    assert (len(bad.seen), len(good.seen)) == (1, 0)


async def test_what_is_too_long_goes_to_a_model_with_more_room() -> None:
    providers = [Provider(context=8), Provider(context=4), Provider(context=100)]
    plans = [["context"], ["ok"], ["ok"]]
    async with gateway(*plans, providers=providers) as (served, found):
        answer = await served.http.post("/v1/chat/completions", json=CHAT)
    assert (answer.status_code, answer.headers["X-FLB-Server"]) == (200, "c")
    assert [len(each.seen) for each in found] == [1, 0, 1]


@pytest.mark.parametrize("fault", ["401", "403"])
async def test_a_server_that_refuses_our_key_is_out_until_a_reload(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway([fault], ["ok"], providers=KEYED) as (served, (bad, good)):
        for _ in range(4):
            assert (await served.http.post("/v1/chat/completions", json=CHAT)).status_code == 200
        (line,) = [each for each in caplog.records if "until a reload" in each.message]
        assert line.levelname == "ERROR"
        assert served.route().unavailable == {0: "down"}
        served.service.routes.reload(served.service.routes.settings)
        await served.http.post("/v1/chat/completions", json=CHAT)
        await served.http.post("/v1/chat/completions", json=CHAT)
    assert (len(bad.seen), len(good.seen)) == (2, 6)


async def test_no_server_takes_our_key_and_the_client_does_not_hear_that_its_own_is_wrong() -> None:
    async with gateway(["401"], providers=KEYED[:1]) as (served, (bad,)):
        for _ in range(2):
            answer = await served.http.post("/v1/chat/completions", json=CHAT)
            assert answer.status_code in {502, 503}
            assert "secret" not in answer.text
    assert len(bad.seen) == 1


async def test_the_clients_own_key_is_its_own_matter() -> None:
    async with gateway(["401"], ["ok"], providers=[Provider(key="client")] * 2) as (served, found):
        answer = await served.http.post(
            "/v1/chat/completions", json=CHAT, headers={"Authorization": "Bearer mine"}
        )
    assert answer.status_code == 401
    assert found[0].seen[0].all("authorization") == ["Bearer mine"]
    assert not found[1].seen


async def test_when_all_refused_the_client_hears_when_the_first_one_wakes() -> None:
    async with gateway(["429-later"], ["429-later"]) as (served, _):
        answer = await served.http.post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert 5 <= int(answer.headers["Retry-After"]) <= 7


@pytest.mark.slow
async def test_the_limits_on_time_hold_and_say_so_in_the_words_of_openai() -> None:
    async with gateway(["hang"], ["slow"], ["hang"]) as (served, found):
        answer = await served.http.post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "server_error"
    assert [len(each.seen) for each in found] == [1, 1, 1]


async def test_a_responses_stream_has_terminal_events_of_its_own() -> None:
    asked = {"model": "auto", "input": "Count.", "stream": True}
    async with gateway(["ok", "early", "stall"]) as (served, _):
        whole, early, stalled = [
            (await served.http.post("/v1/responses", json=asked)).text for _ in range(3)
        ]
    assert "response.completed" in whole
    for text in (early, stalled):
        event = text.strip().rpartition("\n\n")[2]
        assert event.startswith("event: error\ndata: ")
        assert json.loads(event.partition("data: ")[2])["type"] == "error"


async def test_flapping_costs_attempts_and_no_answers() -> None:
    plan = ["ok", "500", "reset", "ok", "503", "cut"] * 5
    async with gateway(plan, ["ok"], providers=[Provider(prices=PRICES)] * 2) as (served, _):
        for _ in range(20):
            assert (await served.http.post("/v1/chat/completions", json=CHAT)).status_code == 200
