"""Fake providers over raw HTTP: every API, every fault, and what counts."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import openai
import pytest

from flaky_load_balancer.simulation.fleets.listeners import listening
from flaky_load_balancer.simulation.scenarios import Scenario, parse

WITHIN = 20.0  # seconds: then a test has failed
QUESTION = [{"role": "user", "content": "Translate the letter into French"}]

HEAD = """
name = "providers"
servers = 1
failure.values = [0]
latency = { median = 0.0001, sigma = 0 }
[openai]
models = ["one"]
usd_per_mtok = { input = [1], output = [2] }
first_token = [0]
tokens_per_second = [1e6]
answer.median = 20
context = [500]
prefill = [false]
"""


class Got(NamedTuple):
    """What a client saw: everything that came, and whether it came to a clean end."""

    status: int
    headers: dict[str, str]
    body: bytes
    clean: bool

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error

    @property
    def events(self) -> list[str]:
        lines = self.body.decode().split("\n\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    def said(self) -> str:
        return "".join(_delta(event) for event in self.events)


def _delta(event: str) -> str:
    try:
        choices = json.loads(event)["choices"]
    except ValueError:
        return ""
    return (choices[0]["delta"].get("content") or "") if choices else ""


def providers(more: str = "") -> Scenario:
    return parse(HEAD + more, source="test")


def fault(kind: str, **more: Any) -> str:
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    times = "" if "to" in more else "to = inf\n"
    return f'[[faults]]\nservers = [0]\nfrom = 0\n{times}kind = "{kind}"\n{keys}'


def run(scenario: Scenario, work: Callable[[str], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with listening([scenario], free_ports=True) as (fleet,):
            async with asyncio.timeout(WITHIN):
                return await work(fleet.address["servers"][0])

    return asyncio.run(main())


async def post(url: str, path: str = "/chat/completions", silence: float = 1.0, **body: Any) -> Got:
    """One request on a connection of its own; ``silence`` in seconds ends the waiting."""
    document = {"model": "one", "messages": QUESTION} | body
    content = json.dumps({key: each for key, each in document.items() if each is not None}).encode()
    host, _, base = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    head = f"POST /{base}{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)
    try:
        return await _answer(reader, silence)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, silence: float) -> Got:
    async with asyncio.timeout(silence):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    body, clean = b"", False
    try:
        async with asyncio.timeout(silence):
            if "content-length" in headers:
                body = await reader.readexactly(int(headers["content-length"]))
                clean = True
            while not clean:
                size = int(await reader.readline(), 16)
                body += (await reader.readexactly(size + 2))[:-2]
                clean = size == 0
    except (TimeoutError, ConnectionError, ValueError, asyncio.IncompleteReadError) as error:
        body += getattr(error, "partial", b"")
    return Got(int(lines[0].split()[1]), headers, body, clean)


def asked(scenario: Scenario, **body: Any) -> Got:
    got: Got = run(scenario, lambda url: post(url, **body))
    return got


def test_a_whole_answer_says_how_good_it_is_and_what_it_took() -> None:
    got = asked(providers())
    answer = json.loads(got.body)
    assert got.status == 200
    assert got.headers["x-quality"] == "1.00"
    assert answer["choices"][0]["message"]["content"].startswith("Correct: quality=1.00 the")
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 11, "completion_tokens": 20, "total_tokens": 31}


def test_a_stream_ends_with_a_reason_the_usage_and_done() -> None:
    plain, counted = (
        asked(providers(), stream=True, stream_options=options)
        for options in (None, {"include_usage": True})
    )
    assert plain.said() == counted.said()
    assert len(plain.said().split()) == 20
    assert plain.events[-1] == counted.events[-1] == "[DONE]"
    assert json.loads(plain.events[-2])["choices"][0]["finish_reason"] == "stop"
    assert json.loads(counted.events[-2])["usage"]["completion_tokens"] == 20
    assert counted.clean


def test_the_same_question_gets_the_same_answer_and_others_do_not() -> None:
    scenario = providers("[tasks]\nany = 1\n[quality]\nany = [0.5]\nspread = 2\n")

    async def work(url: str) -> list[str]:
        texts = ["Translate one", "Translate one", *(f"Translate {n}" for n in range(20))]
        messages = [[{"role": "user", "content": text}] for text in texts]
        return [(await post(url, messages=each)).headers["x-quality"] for each in messages]

    first, again, *others = run(scenario, work)
    assert first == again
    assert len(set(others)) > 10


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("error", 500, None),
        ("unavailable", 503, None),
        ("filter", 400, "content_filter"),
    ],
)
def test_errors_from_the_beginning(kind: str, status: int, code: str | None, stream: bool) -> None:
    got = asked(providers(fault(kind)), stream=stream)
    assert got.status == status
    assert got.error["code"] == code
    assert got.clean


@pytest.mark.parametrize("kind", ["cut", "stall"])
def test_answers_that_break_off_have_no_end(kind: str) -> None:
    streamed, plain = (
        asked(providers(fault(kind)), stream=stream, silence=0.3) for stream in (True, False)
    )
    assert streamed.status == plain.status == 200
    assert not streamed.clean
    assert not plain.clean
    assert 0 < len(streamed.said().split()) < 20
    assert "[DONE]" not in streamed.events


def test_malformed_answers_are_no_json() -> None:
    streamed, plain = (
        asked(providers(fault("malformed")), stream=stream) for stream in (True, False)
    )
    assert streamed.clean
    assert plain.clean
    assert any("chat.comple" in event and not event.endswith("}") for event in streamed.events)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        json.loads(plain.body)


def test_an_early_end_is_clean_and_says_nothing() -> None:
    streamed, plain = (asked(providers(fault("early")), stream=stream) for stream in (True, False))
    assert streamed.clean
    assert len(streamed.said().split()) == 5
    assert "[DONE]" not in streamed.events
    assert all(json.loads(e)["choices"][0]["finish_reason"] is None for e in streamed.events)
    assert json.loads(plain.body)["choices"][0]["finish_reason"] is None


def test_what_is_harmless_is_left_out() -> None:
    undone = asked(providers(fault("undone")), stream=True)
    assert json.loads(undone.events[-1])["choices"][0]["finish_reason"] == "stop"
    uncounted = asked(providers(fault("uncounted")))
    assert json.loads(uncounted.body)["usage"] is None


def test_context_and_prefill_are_refused_and_use_nothing() -> None:
    limit = '[[limits]]\nkind = "fixed-window"\nwindow = 600\nvalues = [1]\n'

    async def work(url: str) -> list[Got]:
        long = [{"role": "user", "content": "x" * 2400}]
        own = [*QUESTION, {"role": "assistant", "content": "Bien"}]
        return [
            await post(url, messages=long),
            await post(url, max_tokens=495),
            await post(url, messages=own),
            await post(url, messages=[]),
            await post(url),
        ]

    long, most, prefill, empty, good = run(providers(limit), work)
    assert [long.status, most.status, prefill.status, empty.status] == [400] * 4
    assert long.error["code"] == most.error["code"] == "context_length_exceeded"
    assert "prefill" in prefill.error["message"]
    assert good.status == 200


def test_limits_in_requests_and_tokens_are_said_before_and_after_they_bite() -> None:
    limits = """
[size]
median = 31
[[limits]]
kind = "token-bucket"
window = 60
values = [60]
burst = 10
[[limits]]
unit = "tokens"
kind = "fixed-window"
window = 600
values = [70]
retry_after = true
"""

    async def work(url: str) -> list[Got]:
        return [await post(url) for _ in range(3)]

    first, second, refused = run(providers(limits), work)
    assert first.headers["x-ratelimit-limit-tokens"] == "70"
    assert first.headers["x-ratelimit-remaining-tokens"] == "39"
    assert second.headers["x-ratelimit-remaining-tokens"] == "8"
    assert first.headers["x-ratelimit-remaining-requests"] == "9"
    assert first.headers["x-ratelimit-reset-tokens"] == "10m0s"
    assert refused.status == 429
    assert refused.error["type"] == "tokens"
    assert refused.error["code"] == "rate_limit_exceeded"
    assert 500 < int(refused.headers["retry-after"]) <= 600
    assert int(refused.headers["retry-after-ms"]) == 1000 * int(refused.headers["retry-after"])


def test_a_refusal_may_say_nothing_of_when() -> None:
    silent = '[[limits]]\nkind = "fixed-window"\nwindow = 600\nvalues = [0]\n'
    refused = asked(providers(silent))
    assert refused.status == 429
    assert "retry-after" not in refused.headers


def test_faults_of_the_wire_are_those_of_every_server() -> None:
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        asked(providers(fault("reset")))
    with pytest.raises(TimeoutError):
        asked(providers(fault("hang")), silence=0.3)


def test_a_slow_first_token_leaves_the_head_in_time() -> None:
    got = asked(providers(fault("slow", delay=5.0)), stream=True, silence=0.3)
    assert got.status == 200
    assert got.body == b""


def test_flapping_is_being_unavailable_again_and_again() -> None:
    scenario = providers(fault("flapping", period=2.0, to=7.0))
    times = [(each.start, each.end) for each in scenario.faults]
    assert times == [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0)]
    assert {each.kind for each in scenario.faults} == {"unavailable"}


def test_the_openai_sdk_is_content() -> None:
    async def work(url: str) -> None:
        client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
        messages: Any = QUESTION
        async with client:
            assert [model.id for model in (await client.models.list()).data] == ["one"]
            chat = await client.chat.completions.create(model="one", messages=messages)
            assert chat.usage is not None
            assert chat.usage.completion_tokens == 20
            stream = await client.chat.completions.create(
                model="one", messages=messages, stream=True, max_tokens=10
            )
            chunks = [chunk async for chunk in stream]
            assert chunks[-1].choices[0].finish_reason == "length"
            text = await client.completions.create(model="one", prompt="Say", stream=True)
            assert "".join([c.choices[0].text async for c in text]).startswith("Correct")
            made = await client.embeddings.create(model="one", input=["a", "b"])
            assert len(made.data) == 2
            assert made.data[0].embedding == pytest.approx(
                [-0.4, 0.3, -0.1, -0.5, 0.2, -0.2, 0.5, 0.1]
            )
            whole = await client.responses.create(model="one", input="Say")
            assert whole.output_text.startswith("Correct")
            events = await client.responses.create(model="one", input="Say", stream=True)
            seen = [event async for event in events]
            assert seen[-1].type == "response.completed"
            assert [event.sequence_number for event in seen] == list(range(len(seen)))
            with pytest.raises(openai.BadRequestError, match="context length"):
                await client.responses.create(model="one", input="x" * 4000)

    run(providers(), work)
