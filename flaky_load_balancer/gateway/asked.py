"""What a client asks for: read once, before a server is chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from flaky_load_balancer.gateway import splice
from flaky_load_balancer.gateway.errors import AskedWrongError
from flaky_load_balancer.gateway.usage import tokens

MEDIA_TOKENS = 1_000  # of a picture or a recording, about
MOST_MEDIA_TOKENS = 40_000  # more than any of the known models makes of one picture
ASK_USAGE = b'{"include_usage":true}'


class Operation(StrEnum):
    """What can be asked for, by its path."""

    CHAT = "/chat/completions"
    COMPLETION = "/completions"
    EMBEDDINGS = "/embeddings"
    RESPONSES = "/responses"


ANSWERS = {  # the list that an answer has
    Operation.CHAT: "choices",
    Operation.COMPLETION: "choices",
    Operation.EMBEDDINGS: "data",
    Operation.RESPONSES: "output",
}
LIMITS = {  # the members that limit the answer's tokens
    Operation.CHAT: ("max_completion_tokens", "max_tokens"),
    Operation.COMPLETION: ("max_tokens",),
    Operation.EMBEDDINGS: (),
    Operation.RESPONSES: ("max_output_tokens",),
}


@dataclass(slots=True)
class Asked:
    """One request.

    ``size`` is about its tokens, ``most_size`` the most that they can be: no token is shorter than
    a byte.  ``max_output`` is the most tokens of one answer, None if the client does not say;
    ``answers`` how many it asks for.  ``previous`` is the id of the answer that it goes on from,
    and ``server`` the only one that knows that answer, if it is known.
    """

    operation: Operation
    body: bytes
    model: str
    stream: bool
    usage_wanted: bool  # in a stream, by the client itself
    options: Any  # its ``stream_options``
    text: str  # what is asked, for features
    size: int
    most_size: int
    max_output: int | None
    answers: int
    previous: str | None
    server: str | None = None

    def for_server(self, model: str | None, *, ask_usage: bool) -> bytes:
        """The body for a server, which calls its model so; None: as the client does."""
        body = self.body
        if model is not None and model != self.model:
            body = splice.replaced(body, {"model": orjson.dumps(model)})
        if ask_usage and self.asks_usage:
            if isinstance(self.options, dict):
                options = orjson.dumps({**self.options, "include_usage": True})
                return splice.replaced(body, {"stream_options": options})
            if self.options is None and b'"stream_options"' in body:
                return splice.replaced(body, {"stream_options": ASK_USAGE})
            return splice.added(body, "stream_options", ASK_USAGE)
        return body

    @property
    def asks_usage(self) -> bool:
        """Whether the usage of its answer has to be asked for."""
        chunks = self.operation in {Operation.CHAT, Operation.COMPLETION}
        return self.stream and chunks and not self.usage_wanted


def read(operation: Operation, body: bytes) -> Asked:
    """The request that a body is; AskedWrongError if it is none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AskedWrongError(400, f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise AskedWrongError(400, "The body is not a JSON object.")
    model = document.get("model")
    if not isinstance(model, str) or not model:
        raise AskedWrongError(400, "You must provide a model parameter.", param="model")
    options = document.get("stream_options")
    media = [
        (_length(part), "image" in str(part.get("type"))) for part in _media(operation, document)
    ]
    size = max(0, len(body) - sum(length for length, _ in media))
    return Asked(
        operation,
        body,
        model,
        document.get("stream") is True,
        isinstance(options, dict) and options.get("include_usage") is True,
        options,
        _text(operation, document),
        tokens(size) + len(media) * MEDIA_TOKENS,
        size + sum(_most_tokens(*part) for part in media),
        _max_output(operation, document),
        _answers(operation, document),
        _previous(operation, document),
    )


def _max_output(operation: Operation, document: dict[str, Any]) -> int | None:
    if operation is Operation.EMBEDDINGS:
        return 0
    given = [_count(document.get(name)) for name in LIMITS[operation]]
    return max(given, default=0) or None  # some servers go by the one, some by the other


def _answers(operation: Operation, document: dict[str, Any]) -> int:
    n = max(1, _count(document.get("n")), _count(document.get("best_of")))
    prompts = document.get("prompt") if operation is Operation.COMPLETION else None
    several = isinstance(prompts, list) and bool(prompts) and not isinstance(prompts[0], int)
    return n * (len(prompts) if several and prompts else 1)


def _previous(operation: Operation, document: dict[str, Any]) -> str | None:
    previous = document.get("previous_response_id") if operation is Operation.RESPONSES else None
    return previous if isinstance(previous, str) and previous else None


def _count(value: Any) -> int:
    """As servers may read it, 0 where nobody can."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 1 <= value < 2**53 else 0


def _text(operation: Operation, document: dict[str, Any]) -> str:
    """What the client asks: the last message of its user, the prompt, or the input."""
    if operation is Operation.CHAT:
        return _last_message(document.get("messages"))
    if operation is Operation.RESPONSES and isinstance(document.get("input"), list):
        return _last_message(document["input"])
    asked = document.get("prompt" if operation is Operation.COMPLETION else "input")
    if isinstance(asked, list):
        return "\n".join(each for each in asked if isinstance(each, str))
    return asked if isinstance(asked, str) else ""


def _last_message(messages: Any) -> str:
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return _content(message.get("content"))
    return ""


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = (part.get("text") for part in _parts(content))
    return "\n".join(text for text in parts if isinstance(text, str))


def _media(operation: Operation, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of messages that are no text."""
    name = {Operation.CHAT: "messages", Operation.RESPONSES: "input"}.get(operation)
    messages = document.get(name) if name else None
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            yield from (part for part in _parts(message["content"]) if "text" not in part)


def _length(value: Any) -> int:
    """Of all texts in it."""
    if isinstance(value, dict | list):
        return sum(map(_length, value.values() if isinstance(value, dict) else value))
    return len(value) if isinstance(value, str) else 0


def _most_tokens(length: int, picture: bool) -> int:
    """Of a part of so many bytes: a picture's are few, others' at most as many as its bytes."""
    return MOST_MEDIA_TOKENS if picture else max(MOST_MEDIA_TOKENS, length)


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))
