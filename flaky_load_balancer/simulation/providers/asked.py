"""What a client of a provider asks for: the bodies of four APIs, read as far as they matter."""

from dataclasses import dataclass
from typing import Any

import orjson

CHARACTERS = 4  # of a token, about
OVERHEAD = 3  # tokens of a message beside its text
ENDLESS = 1 << 30  # tokens of an answer, where nobody limits it


class WrongError(Exception):
    """The request is wrong: what OpenAI answers 400 to, with the parameter."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param, self.code = param, code


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a completion, a response or embeddings."""

    api: str  # chat/completions, completions, responses or embeddings
    text: str  # the last words of the user: what the answer is about
    prompt: int  # tokens
    most: int  # tokens of the answer, at most
    stream: bool = False
    usage: bool = False  # a stream is to end with it
    prefilled: bool = False  # the last message is the model's own
    inputs: int = 1  # texts to embed
    base64: bool = False  # how embeddings are encoded


def read(api: str, body: bytes) -> Asked:
    """What a body asks for; WrongError says what is wrong with it."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise WrongError("We could not parse the JSON body of your request.") from None
    if not isinstance(document, dict):
        raise WrongError("The body must be a JSON object.")
    if not isinstance(document.get("model"), str):
        raise WrongError("you must provide a model parameter", "model")
    messages = _messages(api, document)
    if api == "embeddings":
        return _embeddings(document, messages)
    options = document.get("stream_options")
    return Asked(
        api=api,
        text=next((text for role, text in reversed(messages) if role == "user"), ""),
        prompt=_tokens(messages),
        most=_most(document),
        stream=document.get("stream") is True,
        usage=isinstance(options, dict) and options.get("include_usage") is True,
        prefilled=messages[-1][0] == "assistant",
    )


def _messages(api: str, document: dict[str, Any]) -> list[tuple[str, str]]:
    """(role, text) of everything that the model reads."""
    key = {"chat/completions": "messages", "completions": "prompt"}.get(api, "input")
    found = document.get(key)
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list) or not found:
        raise WrongError(f"Missing required parameter: '{key}'.", key, "missing_required_parameter")
    return [_message(key, each) for each in found]


def _message(key: str, message: Any) -> tuple[str, str]:
    if isinstance(message, str):
        return "user", message
    if isinstance(message, list):  # tokens
        return "user", " " * (CHARACTERS * len(message))
    if not isinstance(message, dict):
        raise WrongError(f"Invalid type for '{key}[0]'.", key, "invalid_type")
    return str(message.get("role", "user")), _text(message.get("content"))


def _text(content: Any) -> str:
    """A text, or the texts among its parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _tokens(messages: list[tuple[str, str]]) -> int:
    return sum(OVERHEAD + -(-len(text) // CHARACTERS) for _, text in messages)


def _most(document: dict[str, Any]) -> int:
    for key in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        value = document.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise WrongError(f"Invalid '{key}': expected a whole number of at least 1.", key)
        return value
    return ENDLESS


def _embeddings(document: dict[str, Any], messages: list[tuple[str, str]]) -> Asked:
    return Asked(
        api="embeddings",
        text=messages[-1][1],
        prompt=_tokens(messages),
        most=0,
        inputs=len(messages),
        base64=document.get("encoding_format") == "base64",
    )
