"""Errors in the shape of OpenAI's API, which its clients turn into exceptions."""

from typing import Any

import orjson

from flaky_load_balancer.proxy.http1 import Exchange, Headers

JSON = b"application/json"
INVALID = "invalid_request_error"
TYPES = {429: "rate_limit_error"}  # by status; below 500 the others are INVALID


class AskedWrongError(Exception):
    """The client's request is wrong, or cannot be served: never sent to a server."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


def error_body(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str | None = None,
) -> bytes:
    """The body of an answer with this status."""
    error = {
        "message": message,
        "type": kind or _kind(status),
        "param": param,
        "code": code,
    }
    return orjson.dumps({"error": error})


def error_event(message: str, code: str) -> bytes:
    """What ends a stream of chunks that cannot be completed."""
    return b"data: %b\n\n" % error_body(502, message, code=code)


def responses_error_event(message: str, code: str, number: int) -> bytes:
    """The same of the responses API, whose events are numbered."""
    event = {
        "type": "error",
        "code": code,
        "message": message,
        "param": None,
        "sequence_number": number,
    }
    return b"event: error\ndata: %b\n\n" % orjson.dumps(event)


def error_of(document: Any) -> dict[str, Any]:
    """What an answer says is wrong, as far as it can be read; empty if it says nothing."""
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return {}
    error = document.get("error")
    if error is None and document.get("object") == "error":  # vLLM
        return document
    if isinstance(error, str) and error:
        return {"message": error}
    return error if isinstance(error, dict) else {}


def parsed(body: bytes) -> Any:
    """What a body says, None if it is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def reply_error(exchange: Exchange, status: int, body: bytes, headers: Headers) -> None:
    """Answer with an error."""
    exchange.reply(status, [(b"Content-Type", JSON), *headers], body)


def _kind(status: int) -> str:
    return TYPES.get(status, INVALID if status < 500 else "server_error")
