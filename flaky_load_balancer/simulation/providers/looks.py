"""How answers fail: each fault of a provider, as bytes on the wire."""

from collections.abc import Sequence

import orjson

from flaky_load_balancer.simulation.providers import apis, wire
from flaky_load_balancer.simulation.providers.apis import Answer
from flaky_load_balancer.simulation.providers.wire import End, Reply

FEW = 5  # words of an answer that ends early
BROKEN = b'data: {"id": "chatcmpl-broken", "object": "chat.comple\n\n'
BUSY = "The server had an error while processing your request. Sorry about that!"
OVERLOADED = "The engine is currently overloaded, please try again later."
FILTERED = "The response was filtered due to the prompt triggering our content management policy."

Pieces = list[tuple[float, bytes]]


def refused(kind: str, delay: float) -> Reply | None:
    """A failure that is an error from the beginning; None for those that begin as an answer."""
    match kind:
        case "error":
            return wire.whole(500, wire.error(BUSY, "server_error"), delay=delay)
        case "unavailable":
            return wire.whole(503, wire.error(OVERLOADED, "service_unavailable"), delay=delay)
        case "filter":
            body = wire.error(
                FILTERED, "invalid_request_error", code="content_filter", param="prompt"
            )
            return wire.whole(400, body, delay=delay)
    return None


def broken(kind: str, answer: Answer, pieces: Pieces, headers: Sequence[str]) -> Reply:
    """A failure that begins as an answer, whose ``pieces`` would have been these."""
    if answer.asked.stream:
        return _broken_stream(kind, answer, pieces)
    return _broken_body(kind, answer, pieces[0][0], headers)


def _broken_stream(kind: str, answer: Answer, pieces: Pieces) -> Reply:
    words = apis.spoken(answer)
    some = words[: FEW if kind == "early" else max(1, len(words) // 2)]
    head = pieces[0][1]
    begun: Pieces = [(0.0, head), (pieces[1][0], wire.joined([*apis.begin(answer), *some]))]
    match kind:
        case "cut":
            return Reply(begun, End.CUT)
        case "stall":
            return Reply(begun, End.STALL)
        case "early":
            return Reply([*begun, (0.0, wire.LAST_CHUNK)])
    rest = [BROKEN, *words[len(some) :], *apis.finish(answer), wire.DONE]
    return Reply([*begun, (0.0, wire.joined(rest) + wire.LAST_CHUNK)])


def _broken_body(kind: str, answer: Answer, delay: float, headers: Sequence[str]) -> Reply:
    document = apis.document(answer)
    if kind == "early":
        return Reply([(delay, wire.plain(200, orjson.dumps(_unfinished(document)), headers))])
    content = orjson.dumps(document)
    half = content[: len(content) // 2]
    if kind == "malformed":
        return Reply([(delay, wire.plain(200, half, headers))])
    whole = wire.plain(200, content, headers)
    end = End.CUT if kind == "cut" else End.STALL
    return Reply([(delay, whole[: len(whole) - len(content) + len(half)])], end)


def _unfinished(document: dict[str, object]) -> dict[str, object]:
    """Without a word of how it ended."""
    choices = document.get("choices")
    if isinstance(choices, list):
        return document | {"choices": [each | {"finish_reason": None} for each in choices]}
    return document | {"status": "in_progress"} if "status" in document else document
