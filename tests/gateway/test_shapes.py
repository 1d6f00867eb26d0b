"""Answers in the shapes that providers give them, and requests in those that clients do."""

import json
from typing import Any

import openai
import pytest

from flaky_load_balancer.config import Provider
from flaky_load_balancer.gateway.asked import MOST_MEDIA_TOKENS, Operation, read
from flaky_load_balancer.gateway.streams import BrokenStreamError, watch
from flaky_load_balancer.gateway.verdicts import Fate, of_answer
from tests.gateway.providers import CHAT, PRICES, TEXT, gateway
from tests.gateway.test_clients import MESSAGES, client

STREAM = {**CHAT, "stream": True}
ASKED = "/v1/chat/completions"
DONE = "data: [DONE]\n\n"


def chunk(*choices: dict[str, Any], **members: Any) -> str:
    known = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**known, 'choices': list(choices), **members})}\n\n"


def said(content: str, finish: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"index": index, "delta": {"content": content}, "finish_reason": finish}


async def test_tools_are_called_in_a_stream() -> None:
    def called(finish: str | None = None, **function: str) -> dict[str, Any]:
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        return {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": finish}

    begun = called(name="weather", arguments="")
    plan = chunk(begun) + chunk(called(arguments='{"ci'))
    plan += chunk(called("tool_calls", arguments='ty": "Bern"}')) + DONE
    async with (
        gateway([plan]) as (served, _),
        client(served) as ai,
        ai.chat.completions.stream(model="auto", messages=MESSAGES) as stream,
    ):
        answer = await stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.function.name == "weather"
    assert call.function.arguments == '{"city": "Bern"}'


async def test_what_goes_on_from_a_response_goes_to_the_server_that_gave_it() -> None:
    async with gateway(["ok"], ["ok"]) as (served, found), client(served) as ai:
        first = await ai.responses.create(model="auto", input="x")
        for _ in range(3):
            await ai.responses.create(model="auto", input="y", previous_response_id=first.id)
        await ai.responses.create(model="auto", input="y", previous_response_id="resp_unknown")
        await ai.responses.create(model="auto", input="z")
    assert sorted(len(each.seen) for each in found) == [1, 5]


async def test_of_several_answers_each_has_to_end() -> None:
    one, two = chunk(said("a", "stop")), chunk(said("b", "stop", 1))
    async with gateway([one, one + two]) as (served, _):
        half, whole = [
            (await served.http.post(ASKED, json={**STREAM, "n": 2})).text for _ in range(2)
        ]
    assert "upstream_cut" in half
    assert whole == one + two


async def test_vectors_as_the_sdk_asks_for_them() -> None:
    vector = {"object": "embedding", "index": 0, "embedding": "AAAAPwAAgL8="}
    answer = json.dumps({"object": "list", "data": [vector]})
    async with gateway([answer]) as (served, (provider,)), client(served) as ai:
        found = await ai.embeddings.create(model="auto", input=["x", "y"])
    assert json.loads(provider.seen[0].body)["encoding_format"] == "base64"
    assert found.data[0].embedding == [0.5, -1.0]


async def test_only_the_usage_that_we_asked_for_is_taken_out_of_a_stream() -> None:
    """Azure begins with a chunk that has no choices."""
    filters = {"prompt_filter_results": [{"prompt_index": 0}]}
    rest = chunk(said("One", "stop")) + DONE
    usage = chunk(usage={"prompt_tokens": 1, "completion_tokens": 1})
    plan = chunk(**filters, usage=None) + rest.removesuffix(DONE) + usage + DONE
    async with gateway([plan]) as (served, _):
        answer = await served.http.post(ASKED, json=STREAM)
    assert answer.text == chunk(**filters) + rest


@pytest.mark.parametrize("end", ["data: [DONE]", "data: [DONE]\n", ""])
async def test_the_last_event_may_lack_its_empty_line(end: str) -> None:
    plan = chunk(said("One")) + chunk(said("", "stop"))
    plan = plan + end if end else plan.removesuffix("\n\n")
    async with gateway([plan]) as (served, _):
        answer = await served.http.post(ASKED, json=STREAM)
        assert served.route().tally.delivered == 1
    assert answer.text == plan


async def test_what_is_begun_of_an_event_is_no_part_of_the_error_after_it() -> None:
    async with gateway([chunk(said("One")) + "data: {}"]) as (served, _), client(served) as ai:
        with pytest.raises(openai.APIError, match="not whole: cut"):
            [
                each
                async for each in await ai.chat.completions.create(
                    model="m", messages=MESSAGES, stream=True
                )
            ]


async def test_an_error_in_the_shape_of_vllm() -> None:
    error = 'data: {"object": "error", "message": "no", "code": 500}\n\n'
    async with gateway([error + DONE], ["ok"]) as (served, _):
        early = await served.http.post(ASKED, json=STREAM)
    async with gateway([chunk(said("One")) + error + DONE]) as (served, _):
        later = await served.http.post(ASKED, json=STREAM)
    assert early.headers["X-FLB-Server"] == "b"
    assert later.json()["error"]["code"] == "upstream_failed"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", ['{"detail": "upstream timeout"}', '{"choices": null}', "{}"])
async def test_a_success_that_is_no_answer_is_none(body: str, stream: bool) -> None:
    async with gateway([body], ["ok"]) as (served, _):
        answer = await served.http.post(ASKED, json=STREAM if stream else CHAT)
    assert answer.headers["X-FLB-Server"] == "b"


async def test_a_whole_answer_is_none_where_a_stream_was_asked_for() -> None:
    """Clients would read a stream without any event: nothing, as a success."""
    whole = json.dumps({"choices": [said("One", "stop")]})
    async with gateway([whole], ["ok"]) as (served, _), client(served) as ai:
        stream = await ai.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        chunks = [each async for each in stream]
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == TEXT


ODD = [[], {}, 5, None, 1e300, "x", [[]], [{}], [5], {"type": []}, {"x": {}}]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("operation", Operation)
def test_events_may_be_anything(operation: Operation, odd: Any) -> None:
    """Each is passed on, or breaks its stream."""
    asked = read(operation, json.dumps({**STREAM, "input": "x"}).encode())
    names = ["index", "delta", "text", "finish_reason", "type", "response", "usage", "id", "error"]
    choices = [{name: odd} for name in names] + [{"delta": {"content": odd, "role": odd}}]
    documents = [odd, *choices, *({"choices": [each], "usage": odd} for each in choices)]
    for document in [*documents, {"choices": odd}, {"type": "response.failed", "response": odd}]:
        event = f"data: {json.dumps(document)}\n\n".encode()
        try:
            passed = watch(asked, hide_usage=False).take(event)
        except BrokenStreamError:
            continue
        assert passed == event


@pytest.mark.parametrize("code", ODD)
def test_codes_of_errors_may_be_anything(code: Any) -> None:
    for status in (200, 400, 402, 403, 429, 500, 503):
        said = {"error": {"code": code, "type": code, "message": code}}
        verdict = of_answer(
            status, [], said, 0.0, frozenset({500, 503}), wanted="choices", ours=True
        )
        assert (verdict.fate is Fate.FINAL) == (status == 400)


async def test_clients_hear_of_one_wait_only() -> None:
    """The SDK believes the milliseconds of one provider before our seconds."""
    extra = "\r\nretry-after-ms: 90000\r\nx-ms-retry-after-ms: 90000"
    async with gateway(["429-later"], ["429"], extra=extra) as (served, _):
        answer = await served.http.post(ASKED, json=CHAT)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 90
    assert not [name for name in answer.headers if name.endswith("retry-after-ms")]


async def test_a_server_that_says_in_milliseconds_when_to_come_again_refused() -> None:
    async with gateway(["503"], ["ok"], extra="\r\nretry-after-ms: 5000") as (served, _):
        await served.http.post(ASKED, json=CHAT)
        tally = served.route().tally
    assert (tally.outcomes[1][0], tally.outcomes[2][0]) == (0, 1)


async def test_names_of_models_are_decoded() -> None:
    providers = [Provider(model="meta/llama 3")]
    async with gateway(["ok"], providers=providers) as (served, _), client(served) as ai:
        assert (await ai.models.retrieve("meta/llama 3")).id == "meta/llama 3"
        assert (await served.http.get("/v1/models/%ff")).status_code == 404


def test_the_most_that_an_answer_can_cost_is_what_any_server_may_read_of_the_request() -> None:
    def asked(**members: Any) -> Any:
        return read(Operation.CHAT, json.dumps({**CHAT, **members}).encode())

    assert asked(max_completion_tokens=1, max_tokens=500).max_output == 500
    assert asked(max_tokens=100.0).max_output == 100
    assert asked(max_tokens=True).max_output is None
    assert asked(n=5000).answers == 5000
    assert asked(n=2.0).answers == 2
    assert asked(n=0).answers == asked(n=1e300).answers == 1


def test_a_document_in_a_request_has_at_most_as_many_tokens_as_bytes() -> None:
    def most(**part: Any) -> int:
        messages = [{"role": "user", "content": [part]}]
        body = json.dumps({"model": "auto", "messages": messages}).encode()
        return read(Operation.CHAT, body).most_size

    data = 200_000 * "A"
    assert most(type="file", file={"file_data": data}) > 200_000
    assert MOST_MEDIA_TOKENS < most(type="image_url", image_url={"url": data}) < 50_000


async def test_the_cost_of_a_priced_embedding_has_no_answer() -> None:
    async with gateway(["ok"], providers=[Provider(prices=PRICES)]) as (served, _):
        answer = await served.http.post("/v1/embeddings", json={"model": "auto", "input": "x"})
    assert float(answer.headers["X-FLB-Cost-USD"]) == pytest.approx(1000 / 1e6)
