"""Fake providers of language models with every fault of the contract, and a gateway before them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from flaky_load_balancer.config import (
    Gateway,
    PoolSettings,
    Prices,
    Provider,
    RouteSettings,
    ServerSettings,
    Settings,
    Timeouts,
)
from tests.service.origins import Origin, Seen, Served, listening, serving

WORDS = ["One", " two", " three", " four", " five"]
TEXT = "".join(WORDS)
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
RESPONSES_USAGE = {"input_tokens": 1000, "output_tokens": 500, "total_tokens": 1500}
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Count to five."}]}
PRICES = Prices(1.0, 2.0, 0.5)
SILENT = {"hang", "slow", "stall"}  # faults that only a time limit ends
QUICK = Timeouts(connect=5.0, first_byte=1.2, idle=0.9, total=15.0)  # before these
PATIENT = Timeouts(connect=30.0, first_byte=30.0, idle=30.0, total=60.0)

REFUSALS: dict[str, tuple[str, Any]] = {
    "429": ("429 Too Many Requests", {"code": "rate_limit_exceeded"}),
    "429-later": ("429 Too Many Requests\r\nRetry-After: 7", {"code": "rate_limit_exceeded"}),
    "quota": ("429 Too Many Requests", {"code": "insufficient_quota"}),
    "500": ("500 Internal Server Error", {"code": None}),
    "503": ("503 Service Unavailable", {"code": None}),
    "401": ("401 Unauthorized", {"code": "invalid_api_key"}),
    "403": ("403 Forbidden", {"code": "forbidden"}),
    "400": ("400 Bad Request", {"code": "invalid_value"}),
    "404": ("404 Not Found", {"code": "model_not_found"}),
    "413": ("413 Content Too Large", {"code": None}),
    "422": ("422 Unprocessable Content", {"code": None}),
    "context": ("400 Bad Request", {"code": "context_length_exceeded"}),
    "filter": ("400 Bad Request", {"code": "content_filter"}),
    "prefill": ("400 Bad Request", {"message": "This model does not support prefill."}),
    "redirect": ("307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/v1", {"code": None}),
}


@dataclass
class FakeProvider(Origin):
    """Its ``plan`` is of the words in ``REFUSALS``, of ``ok``, and of the faults of ``do``.

    What begins as JSON or as an event does is the answer itself, whole or streamed.
    """

    extra: str = ""  # headers of every answer, each with CR LF before it

    async def do(self, does: str, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        if does in {"reset", "close", "hang", "garbage"}:
            return await super().do(does, seen, writer)
        if does in REFUSALS:
            status, error = REFUSALS[does]
            told = " ".join(
                value for name, value in seen.headers if name.lower() == "authorization"
            )
            refusal = {"error": {"message": f"no: {told}", "type": "t", **error}}
            self._whole(writer, json.dumps(refusal).encode(), status)
            return True
        if does.startswith("{"):
            self._whole(writer, does.encode())
            return True
        asked = json.loads(seen.body)
        if asked.get("stream"):
            return await self._stream(does, seen.target, asked, writer)
        if does == "slow":
            await asyncio.sleep(1e6)
        body = b"<html>" if does == "malformed" else answer(seen.target, asked)
        if does == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + body[:40])
            return False
        self._whole(writer, body)
        return True

    def _whole(self, writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK") -> None:
        head = f"HTTP/1.1 {status}{self.extra}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def _stream(
        self, does: str, target: str, asked: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(
            f"HTTP/1.1 200 OK{self.extra}\r\nContent-Type: text/event-stream\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        parts = [does.encode()] if does.startswith("data:") else list(events(target, asked))
        if does == "slow":
            _chunk(writer, parts[0])
            await asyncio.sleep(1e6)
        if does == "error-first":
            parts = [b'data: {"error": {"message": "busy", "code": "server_error"}}\n\n']
        if does in {"cut", "stall", "early", "malformed", "error-later"}:
            parts = parts[:4]
        if does == "malformed":
            parts.append(b'data: {"choices": [{"de\n\n')
        if does == "error-later":
            parts.append(b'data: {"error": {"message": "broke", "code": "server_error"}}\n\n')
        if does == "no-done":
            parts = [part for part in parts if b"[DONE]" not in part]
        for part in parts:
            _chunk(writer, part)
            await asyncio.sleep(0.005)  # so that each arrives by itself
        if does == "stall":
            await asyncio.sleep(1e6)
        if does == "cut":
            writer.transport.write(b"20\r\nhalf a chu")
            return False
        writer.write(b"0\r\n\r\n")
        return True


def answer(target: str, asked: dict[str, Any]) -> bytes:
    """A whole answer, with spaces and numbers that only a copy of it has."""
    if target.endswith("/embeddings"):
        said: dict[str, Any] = {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
            "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
        }
    elif target.endswith("/responses"):
        said = _response("completed")
    else:
        said = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "choices": [_choice(asked)],
            "usage": USAGE,
        }
    said["model"] = asked["model"]
    return json.dumps(said, indent=1).encode() + b" "


def _choice(asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("tools"):
        call = {"name": "weather", "arguments": '{"city": "Bern"}'}
        tool = {"id": "call_1", "type": "function", "function": call}
        message: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [tool]}
        return {"index": 0, "message": message, "finish_reason": "tool_calls"}
    text = '{"number": 5}' if asked.get("response_format") else TEXT
    message = {"role": "assistant", "content": text}
    return {"index": 0, "message": message, "text": text, "finish_reason": "stop"}


def events(target: str, asked: dict[str, Any]) -> list[bytes]:
    """The events of a stream."""
    if target.endswith("/responses"):
        return [
            _event("response.created", response=_response("in_progress")),
            *(_event("response.output_text.delta", **_place(), delta=word) for word in WORDS),
            _event("response.completed", response=_response("completed")),
        ]
    wants = (asked.get("stream_options") or {}).get("include_usage")
    usage = {"usage": None} if wants else {}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in WORDS]
    found = [_chunk_of([_of(delta)], usage) for delta in deltas]
    found.append(_chunk_of([_of({}, "stop")], usage))
    if wants:
        found.append(_chunk_of([], {"usage": USAGE}))
    return [*found, b"data: [DONE]\n\n"]


def _of(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _chunk_of(choices: list[Any], usage: dict[str, Any]) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': choices, **usage})}\n\n".encode()


def _response(status: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    done = status == "completed"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "output": [message] if done else [],
        "usage": RESPONSES_USAGE if done else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _place() -> dict[str, Any]:
    return {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}


def _event(kind: str, **members: Any) -> bytes:
    document = {"type": kind, "sequence_number": 0, **members}
    return f"event: {kind}\ndata: {json.dumps(document)}\n\n".encode()


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def settings(
    found: Sequence[FakeProvider],
    providers: Sequence[Provider] = (),
    gateway: Gateway | None = None,
    **route: Any,
) -> Settings:
    """One route ``/v1`` over these providers, which are called a, b, c and are tried in turn."""
    servers = tuple(
        ServerSettings(
            f"{each.url}/base",
            "abcdefgh"[place],
            provider=providers[place] if providers else Provider(prices=PRICES),
        )
        for place, each in enumerate(found)
    )
    usual = RouteSettings.of_openai("r", "/v1", "p")
    silent = any(not SILENT.isdisjoint(each.plan) for each in found)
    timeouts = QUICK if silent else PATIENT
    known: dict[str, Any] = {"strategy": "round-robin", "timeouts": timeouts} | route
    known["gateway"] = gateway or Gateway()
    routes = (replace(usual, **known),)
    return Settings({"p": PoolSettings(servers)}, routes, data_dir=None, drain=0.5)


@asynccontextmanager
async def gateway(
    *plans: list[str],
    providers: Sequence[Provider] = (),
    settings_of: Gateway | None = None,
    extra: str = "",
    **route: Any,
) -> AsyncIterator[tuple[Served, list[FakeProvider]]]:
    """A gateway before providers with these plans."""
    async with (
        listening([FakeProvider(plan, extra=extra) for plan in plans]) as found,
        serving(settings(found, providers, settings_of, **route)) as served,
    ):
        yield served, found
