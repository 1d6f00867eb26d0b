"""The real ``openai`` SDK as client, and what the providers saw of it."""

import json
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import openai
import pytest
from pydantic import BaseModel

from flaky_load_balancer.config import Gateway, Provider
from tests.gateway.providers import CHAT, PRICES, TEXT, FakeProvider, gateway
from tests.service.origins import Served

MESSAGES: Any = [{"role": "user", "content": "Count to five."}]
NAMED = [Provider(model="gpt-x", key="sk-provider", prices=PRICES)]


class Number(BaseModel):
    number: int


def client(served: Served, key: str = "k") -> openai.AsyncOpenAI:
    url = f"http://127.0.0.1:{served.port}/v1"
    return openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0)


def body(provider: FakeProvider, number: int = -1) -> dict[str, Any]:
    return json.loads(provider.seen[number].body)  # type: ignore[no-any-return]


async def test_a_chat_answer_is_the_providers_and_its_model_and_key_are_ours() -> None:
    async with gateway(["ok"], providers=NAMED) as (served, (provider,)):
        async with client(served) as ai:
            raw = await ai.chat.completions.with_raw_response.create(
                model="auto", messages=MESSAGES, temperature=0.25, extra_body={"odd": 1e-7}
            )
        answer = raw.parse()
    assert answer.choices[0].message.content == TEXT
    assert raw.headers["X-FLB-Server"] == "a"
    assert raw.headers["X-FLB-Decision"].startswith("dec-")
    assert float(raw.headers["X-FLB-Cost-USD"]) == pytest.approx((1000 + 2 * 500) / 1e6)
    assert "X-FLB-Cost-Estimated" not in raw.headers
    assert provider.seen[0].target == "/base/chat/completions"
    assert provider.seen[0].all("authorization") == ["Bearer sk-provider"]
    assert body(provider) == {
        "messages": MESSAGES,
        "model": "gpt-x",
        "temperature": 0.25,
        "odd": 1e-7,
    }


async def test_bytes_pass_both_ways() -> None:
    sent = b'{"x": 1.00000000000000000001,  "model":"auto", "messages":[],"y":{"model":"auto"} }'
    async with gateway(["ok"], providers=NAMED) as (served, (provider,)):
        answer = await served.http.post("/v1/chat/completions?a=%20", content=sent)
    assert provider.seen[0].body == sent.replace(b'"model":"auto", ', b'"model":"gpt-x", ')
    assert provider.seen[0].target == "/base/chat/completions?a=%20"
    assert answer.content.endswith(b"\n} ")


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_stream_has_its_usage_only_if_the_client_wants_it(wanted: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if wanted else {}
    async with gateway(["ok"], providers=NAMED) as (served, (provider,)):
        async with client(served) as ai:
            stream = await ai.chat.completions.create(
                model="auto", messages=MESSAGES, stream=True, **options
            )
            chunks = [chunk async for chunk in stream]
        text = await served.http.post(
            "/v1/chat/completions", json={**CHAT, "stream": True, **options}
        )
        cost = served.route().tally.run()["cost"]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [chunk for chunk in chunks if not chunk.choices] == chunks[len(chunks) - wanted :]
    assert ('"usage"' in text.text) is wanted
    assert text.text.endswith("data: [DONE]\n\n")
    assert body(provider)["stream_options"] == {"include_usage": True}
    assert cost == pytest.approx(2 * 2000 / 1e6)


async def test_usage_is_estimated_where_a_provider_refuses_to_be_asked() -> None:
    providers = [Provider(prices=PRICES, ask_usage=False)]
    async with gateway(["ok"], providers=providers) as (served, (provider,)):
        await served.http.post("/v1/chat/completions", json={**CHAT, "stream": True})
        cost = served.route().tally.run()["cost"]
    assert "stream_options" not in body(provider)
    assert 0 < cost < 1e-3


async def test_tools_pictures_and_structured_outputs() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + 9000 * "A"}}
    asked: Any = [{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}]
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    async with gateway(["ok"]) as (served, (provider,)), client(served) as ai:
        called = await ai.chat.completions.create(model="auto", messages=asked, tools=[tool])
        parsed = await ai.chat.completions.parse(
            model="auto", messages=MESSAGES, response_format=Number
        )
    assert called.choices[0].message.tool_calls is not None
    assert called.choices[0].finish_reason == "tool_calls"
    assert body(provider, 0)["messages"] == asked
    assert parsed.choices[0].message.parsed == Number(number=5)


async def test_embeddings_completions_and_responses() -> None:
    async with gateway(["ok"]) as (served, (provider,)), client(served) as ai:
        vector = await ai.embeddings.create(model="auto", input="x", encoding_format="float")
        text = await ai.completions.create(model="auto", prompt="x")
        response = await ai.responses.create(model="auto", input="x")
        events = [e async for e in await ai.responses.create(model="auto", input="x", stream=True)]
    assert vector.data[0].embedding == [0.5, -1.0]
    assert text.choices[0].text == TEXT
    assert response.output_text == TEXT
    assert events[-1].type == "response.completed"
    assert [each.target.rpartition("/")[2] for each in provider.seen] == [
        *("embeddings", "completions", "responses", "responses")
    ]


async def test_a_client_without_asyncio() -> None:
    async with gateway(["ok", "early"]) as (served, _):

        def ask() -> Iterator[str]:
            url = f"http://127.0.0.1:{served.port}/v1"
            with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as ai:
                yield (
                    ai.chat.completions.create(model="m", messages=MESSAGES)
                    .choices[0]
                    .message.content
                    or ""
                )
                with pytest.raises(openai.APIError, match="not whole"):
                    list(ai.chat.completions.create(model="m", messages=MESSAGES, stream=True))

        assert await anyio.to_thread.run_sync(lambda: list(ask())) == [TEXT]


async def test_models_can_be_asked_for_by_alias_and_only_who_may_serves_them() -> None:
    models = (("auto", None), ("fast", ("b",)))
    async with (
        gateway(["ok"], ["ok"], settings_of=Gateway(models=models)) as (served, found),
        client(served) as ai,
    ):
        assert [model.id async for model in ai.models.list()] == ["auto", "fast"]
        assert (await ai.models.retrieve("fast")).id == "fast"
        for _ in range(3):
            await ai.chat.completions.create(model="fast", messages=MESSAGES)
        with pytest.raises(openai.NotFoundError) as caught:
            await ai.chat.completions.create(model="gpt-9", messages=MESSAGES)
    assert [len(each.seen) for each in found] == [0, 3]
    assert caught.value.code == "model_not_found"


async def test_only_clients_with_a_key_are_let_in() -> None:
    asked = {"model": "m", "messages": MESSAGES}
    async with gateway(["ok"], settings_of=Gateway(keys=("one", "two"))) as (served, (provider,)):
        for key in ("one", "two"):
            async with client(served, key) as ai:
                await ai.chat.completions.create(**asked)
        async with client(served, "three") as ai:
            with pytest.raises(openai.AuthenticationError) as caught:
                await ai.chat.completions.create(**asked)
            with pytest.raises(openai.AuthenticationError):
                await ai.models.list()
    assert caught.value.code == "invalid_api_key"
    assert len(provider.seen) == 2
    assert all(not each.all("authorization") for each in provider.seen)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/chat/completions", b'{"messages": []}', 400),
        ("GET", "/v1/chat/completions", b"", 405),
        ("POST", "/v1/audio/speech", b"{}", 404),
        ("GET", "/v1/models/none", b"", 404),
    ],
)
async def test_what_is_wrong_is_an_error_of_openais(
    method: str, path: str, content: bytes, status: int
) -> None:
    async with gateway(["ok"]) as (served, (provider,)):
        answer = await served.http.request(method, path, content=content)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert not provider.seen
