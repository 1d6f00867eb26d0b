"""Answers of a provider as bytes: heads, errors of OpenAI's shape, and server-sent events."""

from collections.abc import Iterable, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"


class End(Enum):
    """How an answer ends on the wire."""

    WHOLE = 0
    CUT = 1  # the connection is reset
    STALL = 2  # nothing more comes


class Reply(NamedTuple):
    """What is written, and when: ``pieces`` are (seconds to wait before it, bytes)."""

    pieces: list[tuple[float, bytes]]
    end: End = End.WHOLE


def whole(status: int, body: Any, headers: Sequence[str] = (), delay: float = 0.0) -> Reply:
    """An answer with a JSON body, after so many seconds."""
    return Reply([(delay, plain(status, orjson.dumps(body), headers))])


def plain(status: int, content: bytes, headers: Sequence[str] = ()) -> bytes:
    return head(status, JSON, headers, f"Content-Length: {len(content)}") + content


def head(status: int, kind: str, headers: Sequence[str], length: str) -> bytes:
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    lines = [first, f"Content-Type: {kind}", length, *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def opening(headers: Sequence[str]) -> bytes:
    """The head of a stream of events."""
    return head(200, EVENTS, headers, "Transfer-Encoding: chunked")


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def event(document: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    first = b"" if name is None else b"event: %b\n" % name.encode()
    return first + b"data: " + orjson.dumps(document) + b"\n\n"


def joined(events: Iterable[bytes]) -> bytes:
    return chunk(b"".join(events))


def error(
    message: str, kind: str, *, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """OpenAI's error body."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
