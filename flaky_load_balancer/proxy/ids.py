"""Kind ``ids``, the game: one POST path for each route, and nothing else.

FastAPI answers what is no delivery; its work for a request (middleware, dependencies, validation)
takes longer than everything that a delivery does.
"""

import asyncio
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Route as Path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flaky_load_balancer.config import RouteSettings
from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.proxy import problems
from flaky_load_balancer.proxy.carrier import Whole
from flaky_load_balancer.proxy.handler import Visit
from flaky_load_balancer.proxy.headers import REQUEST_ID, request_id
from flaky_load_balancer.proxy.http1 import BodyError, Exchange
from flaky_load_balancer.proxy.problems import details
from flaky_load_balancer.proxy.request import OverloadedError, Request
from flaky_load_balancer.proxy.route import Route

LARGEST = 4096  # bytes of a request's body
SLOWEST_BODY = 10.0  # seconds until it is there
SOON = 1.0  # seconds after which somebody who was refused may come again
ID = re.compile(r"[A-Za-z0-9]{24}")
SIZE = re.compile(rb"[1-9][0-9]{0,9}")
CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
PROBLEM = problems.MEDIA_TYPE.encode()
NO_ATTEMPTS = (b"x-flb-attempts", b"0")
SINGULAR = {b"content-type", b"content-encoding", b"content-length"}

Headers = dict[bytes, bytes]  # by names in lower case


class RefusedError(Exception):
    """The client's request is wrong: never sent to a server."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(slots=True)
class Reply:
    """What a client gets."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]

    def send(self, exchange: Exchange, visit: Visit) -> None:
        headers = [*self.headers, (b"x-request-id", visit.id)]
        exchange.reply(self.status, headers, self.body)


class Game:
    """A route of kind ``ids``."""

    def __init__(self, route: Route) -> None:
        self.settings = RouteSettings(route.name, route.path, "", kind="ids")
        self._route = route

    async def handle(self, exchange: Exchange, visit: Visit) -> None:
        """One request."""
        try:
            reply = await self._answer(exchange, visit)
        except RefusedError as error:
            reply = refusal(error.status, str(error))
        reply.send(exchange, visit)

    def refuse(self, exchange: Exchange, status: int, why: str, visit: Visit) -> None:
        """Answer a request that is turned away."""
        refusal(status, why).send(exchange, visit)

    async def _answer(self, exchange: Exchange, visit: Visit) -> Reply:
        headers = {name.lower(): value for name, value in exchange.headers}
        if len(headers) < len(exchange.headers):
            _refuse_doubled(exchange.headers)
        sent = read_id(headers, await _body(exchange))
        features = read_features(headers, self._route.balancer.rules.features)
        carrier = Whole(self._route.send, sent, read_size(headers))
        try:
            request = visit.request = await self._route.dispatcher.deliver(
                sent, carrier, size=carrier.size, features=features
            )
        except OverloadedError:
            return given_up(503, "too many requests are in flight", sent, 0, SOON)
        except asyncio.CancelledError:
            if exchange.gone:
                raise
            return given_up(503, "shutting down", sent, None, SOON)
        return self._reply(request)

    def _reply(self, request: Request) -> Reply:
        if request.ending is Ending.DELIVERED:
            return _delivered(request)
        wait = None
        if request.status == 429:
            wait = self._route.wakes_in(request.ended)
        elif request.status == 503:
            wait = SOON
        reply = given_up(request.status, request.why, request.id, request.attempts, wait)
        if request.server is not None:
            reply.headers.append((b"x-flb-server", request.server.encode()))
        return reply


def others(games: Iterable[Game]) -> ASGIApp:
    """The app that answers what is no delivery: unknown paths, other methods."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    problems.install(app)
    for game in games:
        app.router.routes.append(Path(game.settings.path, _written_otherwise, methods=["POST"]))

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        name = request_id(scope["headers"])

        async def with_marks(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], NO_ATTEMPTS, (REQUEST_ID, name)]
            await send(message)

        await app(scope, receive, with_marks)

    return marked


async def _written_otherwise(_: object) -> None:
    """Paths are compared as they are sent: this one is a route's only once it is decoded."""
    raise HTTPException(404)


def _delivered(request: Request) -> Reply:
    assert request.server is not None  # delivered, so there was one
    body = {
        "id": request.id,
        "status": "delivered",
        "server": request.server,
        "attempts": request.attempts,
    }
    headers = [
        (b"content-type", b"application/json"),
        (b"x-flb-server", request.server.encode()),
        (b"x-flb-attempts", b"%d" % request.attempts),
    ]
    return Reply(200, orjson.dumps(body), headers)


def refusal(status: int, detail: str, /, **members: Any) -> Reply:
    """Problem details as a reply; a request that got this far cost no attempt."""
    body = details(status, detail, **members)
    return Reply(status, body, [(b"content-type", PROBLEM), NO_ATTEMPTS])


def _refuse_doubled(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Two values of a header that says how to read the body would leave us to guess."""
    seen: dict[bytes, bytes] = {}
    for name, value in ((name.lower(), value) for name, value in headers):
        if name in SINGULAR and seen.setdefault(name, value) != value:
            raise RefusedError(400, f"the header {name.decode()} is there twice, differently")


def given_up(
    status: int,
    detail: str,
    request_id: str,
    attempts: int | None,
    retry_after: float | None = None,
) -> Reply:
    """``retry_after`` in seconds; ``attempts`` None where we do not know."""
    body = details(status, detail, id=request_id, result="given-up", attempts=attempts)
    headers = [(b"content-type", PROBLEM)]
    if attempts is not None:
        headers.append((b"x-flb-attempts", b"%d" % attempts))
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(retry_after))))
    return Reply(status, body, headers)


async def _body(exchange: Exchange) -> bytes:
    """All of it, which mostly came with the head; RefusedError if it is too large, or late."""
    if exchange.head.length <= LARGEST and exchange.body.complete:
        return exchange.body.take()
    data, more = b"", exchange.head.length <= LARGEST
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            while more and (piece := await exchange.read()):
                data += piece
                more = len(data) <= LARGEST
    except BodyError as error:
        raise RefusedError(error.status, error.detail) from None
    except TimeoutError:
        raise RefusedError(408, f"no whole request within {SLOWEST_BODY} s") from None
    except asyncio.CancelledError:
        if exchange.gone:
            raise
        raise RefusedError(503, "shutting down") from None
    if not more:
        raise RefusedError(413, f"a body has at most {LARGEST} bytes")
    return data


def read_id(headers: Headers, body: bytes) -> str:
    """The request's id, from ``text/plain`` (or no type) or JSON; else RefusedError."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RefusedError(415, "Content-Encoding is not supported: send the id as it is")
    kind = _kind(headers.get(b"content-type", b"").decode("latin-1"))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RefusedError(400, "the body is not UTF-8") from None
    found = _json_id(text) if kind == "application/json" else text
    if not ID.fullmatch(found):
        raise RefusedError(
            422, f"an id is 24 characters of A-Z, a-z, 0-9; got {len(found)}: {found[:40]!a}"
        )
    return found


def read_features(headers: Headers, count: int) -> Floats | None:
    """(1, count) what the client says of its request; RefusedError where it does not."""
    if not count:
        return None
    said = headers.get(b"x-flb-features", b"")
    try:
        numbers = np.array([[float(number) for number in said.split(b",")]])
    except ValueError:
        numbers = np.empty((1, 0))
    if numbers.shape[1] != count or not np.isfinite(numbers).all():
        raise RefusedError(
            400, f"X-FLB-Features: expected {count} numbers and commas, not {said[:40]!a}"
        )
    return numbers


def read_size(headers: Headers) -> float | None:
    """The tokens that a client says its request has; RefusedError where that is no number."""
    said = headers.get(b"x-flb-size")
    if said is None:
        return None
    if not SIZE.fullmatch(said):
        raise RefusedError(400, f"X-FLB-Size: expected tokens as a whole number, not {said[:40]!a}")
    return float(said)


def _kind(content_type: str) -> str:
    """The type of a body that we can read; else RefusedError."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind not in {"", "text/plain", "application/json"}:
        raise RefusedError(
            415, f"send Content-Type: text/plain or application/json, not {kind[:40]!a}"
        )
    charset = CHARSET.search(parameters) if parameters else None
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise RefusedError(415, "the charset must be utf-8")
    return kind


def _no_json(constant: str) -> None:
    """NaN and its like, which Python reads and JSON does not have."""
    raise ValueError(constant)


def _json_id(text: str) -> str:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise RefusedError(400, "the JSON has a key twice")
        return dict(pairs)

    try:
        document = json.loads(text, object_pairs_hook=unique, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    found = document.get("id") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise RefusedError(422, 'expected {"id": "24 letters and digits"}')
    return found
