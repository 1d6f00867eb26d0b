"""Streamed answers: server-sent events, and whether what they say is a whole answer.

An event is passed on as it came, once all of it is there; nothing is passed on of one that cannot
be read.
"""

import re
from abc import ABC, abstractmethod
from typing import Any

import orjson

from flaky_load_balancer.gateway.asked import Asked, Operation
from flaky_load_balancer.gateway.errors import error_event, error_of, responses_error_event
from flaky_load_balancer.gateway.splice import without
from flaky_load_balancer.gateway.usage import Usage, counted, tokens

EMPTY_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LINE = re.compile(rb"\r\n|\n|\r")
LARGEST = 32 * 2**20  # bytes of an event
DONE = b"[DONE]"
TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


class BrokenStreamError(Exception):
    """A stream that cannot become a whole answer; ``error`` is what the server said, if it did."""

    def __init__(self, reason: str, detail: str, error: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.error = error or {}


class Events:
    """Cuts what arrives into events."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are complete now, each with the empty line at its end."""
        data = self._rest + data if self._rest else data
        events, at = [], 0
        for end in EMPTY_LINE.finditer(data):
            events.append(data[at : end.end()])
            at = end.end()
        self._rest = data[at:]
        if len(self._rest) > LARGEST:
            raise BrokenStreamError("malformed", "an event does not end")
        return events

    def end(self) -> list[bytes]:
        """The last event, if the stream ended without an empty line after it."""
        rest, self._rest = self._rest, b""
        return [rest] if rest.strip(b"\r\n") else []


def data_of(event: bytes) -> bytes | None:
    """The data of an event, None if it has none."""
    stripped = event.strip(b"\r\n")
    if stripped.startswith(b"data:") and b"\n" not in stripped and b"\r" not in stripped:
        return stripped[5:].strip(b" ")
    lines = [line[5:].strip(b" ") for line in LINE.split(stripped) if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


class Watch(ABC):
    """Follows the events of one answer."""

    def __init__(self) -> None:
        self.started = False  # the first token came
        self.done = False  # nothing more is to come
        self.id: str | None = None  # of the answer
        self.size = 0  # bytes of its text
        self.events = 0
        self.usage: Usage | None = None

    @property
    @abstractmethod
    def complete(self) -> bool:
        """What came is a whole answer."""

    @abstractmethod
    def take(self, event: bytes) -> bytes:
        """What is passed on of an event; BrokenStreamError if it cannot go on."""

    @abstractmethod
    def error(self, message: str, code: str) -> bytes:
        """The event that tells the client that its answer broke off."""

    def used(self, asked: Asked) -> Usage:
        """What the answer took so far: by the server's count, else estimated."""
        return self.usage or Usage(asked.size, tokens(self.size), estimated=True)

    def _read(self, data: bytes) -> dict[str, Any]:
        self.events += 1
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise BrokenStreamError("malformed", "an event that is not JSON") from None
        if not isinstance(document, dict):
            raise BrokenStreamError("malformed", "an event that is not an object")
        return document


class Chunks(Watch):
    """Of chat and text completions: chunks, a ``finish_reason`` for each answer, ``[DONE]``.

    ``hide_usage``: the client did not ask for the usage, so that it is taken out again.
    """

    def __init__(self, answers: int, *, hide_usage: bool) -> None:
        super().__init__()
        self._answers = answers
        self._hide_usage = hide_usage
        self._finished: set[int] = set()

    @property
    def complete(self) -> bool:
        return self.done or len(self._finished) >= self._answers

    def take(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None:
            return event
        if data == DONE:
            self.started = self.done = True
            return event
        chunk = self._read(data)
        if chunk.get("error") or chunk.get("object") == "error":
            raise BrokenStreamError("error event", "the server reported an error", error_of(chunk))
        self.id = self.id or _text(chunk.get("id"))
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._follow(choice)
        if "usage" not in chunk:
            return event
        self.usage = counted(chunk["usage"]) or self.usage
        return self._hidden(event, data, chunk) if self._hide_usage else event

    def error(self, message: str, code: str) -> bytes:
        return error_event(message, code)

    def _follow(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        size = _size(delta) if isinstance(delta, dict) else len(_text(choice.get("text")) or "")
        if choice.get("finish_reason") is not None:
            index = choice.get("index")
            self._finished.add(index if isinstance(index, int) else 0)
            self.started = True
        if size:
            self.started = True
            self.size += size

    def _hidden(self, event: bytes, data: bytes, chunk: dict[str, Any]) -> bytes:
        """The event without its usage; nothing of the chunk that was sent for its sake."""
        if chunk["usage"] and not chunk.get("choices"):
            return b""
        return event.replace(data, without(data, "usage"))


class ResponseEvents(Watch):
    """Of the responses API: typed events, the last of which says how the answer ended."""

    @property
    def complete(self) -> bool:
        return self.done

    def take(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None or data == DONE:
            return event if data is None or self.done else b""
        document = self._read(data)
        kind = _text(document.get("type"))
        response = document.get("response")
        if kind == "error" or ("error" in document and kind is None):
            error = error_of(document) or document
            raise BrokenStreamError("error event", "the server reported an error", error)
        if isinstance(response, dict):
            self.id = self.id or _text(response.get("id"))
            self.usage = counted(response.get("usage")) or self.usage
        if kind in TERMINAL:
            self._end(kind, response if isinstance(response, dict) else {})
        elif kind is not None and kind.endswith(".delta") and document.get("delta"):
            self.started = True
            self.size += len(str(document["delta"]))
        return event

    def error(self, message: str, code: str) -> bytes:
        return responses_error_event(message, code, self.events)

    def _end(self, kind: str, response: dict[str, Any]) -> None:
        if kind == "response.failed" and not self.started:
            raise BrokenStreamError("error event", "the response failed", error_of(response))
        self.started = self.done = True


def watch(asked: Asked, *, hide_usage: bool) -> Watch:
    """What follows the answer to this request."""
    if asked.operation is Operation.RESPONSES:
        return ResponseEvents()
    return Chunks(asked.answers, hide_usage=hide_usage)


def _size(delta: dict[str, Any]) -> int:
    """Bytes, about, of what a delta says: texts, reasoning, arguments of tools; not its role."""
    if len(delta) <= 2 and isinstance(content := delta.get("content"), str):  # as nearly all
        return len(content)
    said = {key: value for key, value in delta.items() if key != "role" and value}
    return sum(
        len(value) if isinstance(value, str) else len(orjson.dumps(value))
        for value in said.values()
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
