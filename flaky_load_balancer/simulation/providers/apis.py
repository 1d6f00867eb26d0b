"""The answers of four APIs, whole or as events: chat, completions, responses and embeddings."""

import base64
import struct
from dataclasses import dataclass
from typing import Any

from flaky_load_balancer.simulation.providers.asked import Asked
from flaky_load_balancer.simulation.providers.wire import event

DIMENSIONS = 8  # of an embedding


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says to a request."""

    asked: Asked
    model: str
    id: str  # without the prefix of its API
    created: int  # seconds since 1970
    words: list[bytes]  # a token each
    finish: str = "stop"  # or length

    @property
    def text(self) -> str:
        return b"".join(self.words).decode()

    @property
    def usage(self) -> dict[str, Any]:
        prompt, made = self.asked.prompt, len(self.words)
        if self.asked.api == "embeddings":
            return {"prompt_tokens": prompt, "total_tokens": prompt}
        total = prompt + made
        if self.asked.api == "responses":
            return {
                "input_tokens": prompt,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": made,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": total,
            }
        return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": total}


def document(answer: Answer) -> dict[str, Any]:
    """A whole answer."""
    return {
        "chat/completions": _chat,
        "completions": _completion,
        "responses": _response,
        "embeddings": _embeddings,
    }[answer.asked.api](answer)


def _chat(answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
    return _named(answer, "chat.completion") | {"choices": [choice], "usage": answer.usage}


def _completion(answer: Answer) -> dict[str, Any]:
    choice = {"text": answer.text, "index": 0, "logprobs": None, "finish_reason": answer.finish}
    return _named(answer, "text_completion") | {"choices": [choice], "usage": answer.usage}


def _named(answer: Answer, kind: str) -> dict[str, Any]:
    prefix = "cmpl-" if kind == "text_completion" else "chatcmpl-"
    return {
        "id": prefix + answer.id,
        "object": kind,
        "created": answer.created,
        "model": answer.model,
    }


def _embeddings(answer: Answer) -> dict[str, Any]:
    numbers = [((7 * place + len(answer.asked.text)) % 11 - 5) / 10 for place in range(DIMENSIONS)]
    vector: Any = numbers
    if answer.asked.base64:
        vector = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *numbers)).decode()
    data = [
        {"object": "embedding", "index": place, "embedding": vector}
        for place in range(answer.asked.inputs)
    ]
    return {"object": "list", "data": data, "model": answer.model, "usage": answer.usage}


def _response(answer: Answer, status: str = "completed") -> dict[str, Any]:
    done = status == "completed"
    cut = {"reason": "max_output_tokens"} if done and answer.finish == "length" else None
    return {
        "id": "resp_" + answer.id,
        "object": "response",
        "created_at": answer.created,
        "status": "incomplete" if cut else status,
        "error": None,
        "incomplete_details": cut,
        "instructions": None,
        "metadata": {},
        "model": answer.model,
        "output": [_item(answer, answer.text)] if done else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": answer.usage if done else None,
    }


def _item(answer: Answer, text: str | None) -> dict[str, Any]:
    return {
        "id": "msg_" + answer.id,
        "type": "message",
        "status": "in_progress" if text is None else "completed",
        "role": "assistant",
        "content": [] if text is None else [_part(text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def begin(answer: Answer) -> list[bytes]:
    """The events before the first word."""
    if answer.asked.api == "responses":
        return _numbered(
            [
                ("response.created", {"response": _response(answer, "in_progress")}),
                ("response.in_progress", {"response": _response(answer, "in_progress")}),
                ("response.output_item.added", {"output_index": 0, "item": _item(answer, None)}),
                ("response.content_part.added", _place(answer) | {"part": _part("")}),
            ],
            0,
        )
    if answer.asked.api == "chat/completions":
        return [event(_delta(answer, {"role": "assistant", "content": "", "refusal": None}))]
    return []


def spoken(answer: Answer) -> list[bytes]:
    """An event for each word, by the pattern of one."""
    before, after = _pattern(answer)
    if answer.asked.api != "responses":
        return [before + word + after for word in answer.words]
    first, last = before.split(b":-4,", 1)
    return [
        b"%b:%d,%b%b%b" % (first, 4 + number, last, word, after)
        for number, word in enumerate(answer.words)
    ]


def _pattern(answer: Answer) -> tuple[bytes, bytes]:
    """What is written before and after a word; -4 stands for the number of an event."""
    mark = "\u2401"  # no word has it
    if answer.asked.api == "responses":
        name = "response.output_text.delta"
        body = {"type": name, "sequence_number": -4} | _place(answer) | {"delta": mark}
        made = event(body | {"logprobs": []}, name)
    elif answer.asked.api == "chat/completions":
        made = event(_delta(answer, {"content": mark}))
    else:
        choice = {"text": mark, "index": 0, "logprobs": None, "finish_reason": None}
        made = event(_named(answer, "text_completion") | {"choices": [choice]})
    before, _, after = made.partition(mark.encode())
    return before, after


def finish(answer: Answer) -> list[bytes]:
    """The events after the last word, without [DONE]."""
    if answer.asked.api == "responses":
        name = "response.incomplete" if answer.finish == "length" else "response.completed"
        return _numbered(
            [
                (
                    "response.output_text.done",
                    _place(answer) | {"text": answer.text, "logprobs": []},
                ),
                ("response.content_part.done", _place(answer) | {"part": _part(answer.text)}),
                (
                    "response.output_item.done",
                    {"output_index": 0, "item": _item(answer, answer.text)},
                ),
                (name, {"response": _response(answer)}),
            ],
            4 + len(answer.words),
        )
    if answer.asked.api == "chat/completions":
        return [event(_delta(answer, {}, answer.finish))]
    choice = {"text": "", "index": 0, "logprobs": None, "finish_reason": answer.finish}
    return [event(_named(answer, "text_completion") | {"choices": [choice]})]


def counted(answer: Answer) -> list[bytes]:
    """The event with the usage, which streams of completions have where it is asked for."""
    if answer.asked.api == "responses" or not answer.asked.usage:
        return []
    kind = "chat.completion.chunk" if answer.asked.api == "chat/completions" else "text_completion"
    return [event(_named(answer, kind) | {"choices": [], "usage": answer.usage})]


def _delta(answer: Answer, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _named(answer, "chat.completion.chunk") | {"choices": [choice]}


def _place(answer: Answer) -> dict[str, Any]:
    return {"item_id": "msg_" + answer.id, "output_index": 0, "content_index": 0}


def _numbered(events: list[tuple[str, dict[str, Any]]], first: int) -> list[bytes]:
    return [
        event({"type": name, "sequence_number": first + place} | body, name)
        for place, (name, body) in enumerate(events)
    ]
