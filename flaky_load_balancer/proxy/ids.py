"""The data plane: one POST path for each route, and nothing else.

Deliveries go past FastAPI, whose work for a request (middleware, dependencies, validation) takes
longer than everything that we do for one; it answers all the rest.
"""

import asyncio
import json
import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from random import getrandbits
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI
from starlette.routing import Route as Path
from starlette.types import Message, Receive, Scope, Send

from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.proxy import problems
from flaky_load_balancer.proxy.dispatcher import OverloadedError, Request, Whole
from flaky_load_balancer.proxy.gate import SLOWEST_BODY, Gate
from flaky_load_balancer.proxy.problems import details
from flaky_load_balancer.proxy.route import Route

LARGEST = 4096  # bytes of a request's body
ID = re.compile(r"[A-Za-z0-9]{24}")
SANE = re.compile(rb"[!-~]{1,128}")
SIZE = re.compile(rb"[1-9][0-9]{0,9}")
CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
PROBLEM = problems.MEDIA_TYPE.encode()
NO_ATTEMPTS = (b"x-flb-attempts", b"0")
SINGULAR = {b"content-type", b"content-encoding", b"content-length"}
log = logging.getLogger(__name__)


Headers = dict[bytes, bytes]


class RefusedError(Exception):
    """The client's request is wrong: never sent to a server."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class ClientGoneError(Exception):
    """The client hung up before its request was complete."""


class Arrival:
    """A request that is being received: for so long at most, and not while we shut down."""

    __slots__ = ("_gate", "_task")

    def __init__(self, gate: Gate, task: asyncio.Task[Any]) -> None:
        self._gate = gate
        self._task = task

    def __enter__(self) -> None:
        self._gate.arriving.add(self._task)
        self._gate.slow_bodies.set(self, self._task.cancel)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._gate.arriving.discard(self._task)
        self._gate.slow_bodies.clear(self)
        if kind is asyncio.CancelledError:
            self._task.uncancel()
            if self._gate.closing:
                raise RefusedError(503, "shutting down") from None
            raise RefusedError(408, f"no whole request within {SLOWEST_BODY} s") from None


class Visit:
    """A request inside the gate.  If its client hangs up it is cancelled: ClientGoneError.

    Most are over before ``PATIENCE`` is, and are never looked after.
    """

    __slots__ = ("_gate", "_gone", "_receive", "_task", "_watch")

    def __init__(self, gate: Gate, task: asyncio.Task[Any], receive: Receive) -> None:
        self._gate = gate
        self._receive = receive
        self._task = task
        self._gone = False
        self._watch: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._gate.join(self._task)
        self._gate.looks.set(self, self._look)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._gate.leave(self._task)
        self._gate.looks.clear(self)
        if self._watch is not None:
            self._watch.cancel()
        if self._gone and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise ClientGoneError from None

    def _look(self) -> None:
        self._watch = asyncio.ensure_future(self._hung_up())

    async def _hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()


class DataPlane:
    """The ASGI app of all routes; what is no delivery is left to FastAPI, to be refused."""

    def __init__(self, routes: Iterable[Route], gate: Gate) -> None:
        self._deliveries = {route.path: Deliveries(route, gate) for route in routes}
        self._others = FastAPI(openapi_url=None, redirect_slashes=False)
        problems.install(self._others)
        for path, deliveries in self._deliveries.items():
            self._others.router.routes.append(Path(path, deliveries, methods=["POST"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deliveries = self._deliveries.get(scope["path"])
        if deliveries is not None and scope["method"] == "POST":
            await deliveries(scope, receive, send)
        else:
            await self._others(scope, receive, _with_marks(send, dict(scope["headers"])))


@dataclass(slots=True)
class Reply:
    """What a client gets.  Starlette's Response would cost more than deciding what is in it."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]

    async def send(self, send: Send, asked: Headers) -> None:
        length = b"%d" % len(self.body)
        headers = [*self.headers, (b"content-length", length), _request_id(asked)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Deliveries:
    """The ASGI app of one route."""

    def __init__(self, route: Route, gate: Gate) -> None:
        self._route = route
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            if len(headers) < len(scope["headers"]):
                _refuse_doubled(scope["headers"])
            reply = await self._answer(headers, receive)
        except ClientGoneError:
            return
        except RefusedError as error:
            reply = refusal(error.status, str(error))
        except Exception:
            log.exception("a request on %s could not be handled", self._route.path)
            reply = refusal(500, "a fault of the balancer, see its log")
        await reply.send(send, headers)

    async def _answer(self, headers: Headers, receive: Receive) -> Reply:
        task = asyncio.current_task()
        assert task is not None  # ASGI servers run apps in tasks
        with Arrival(self._gate, task):
            body = await _body(headers, receive)
        request_id = read_id(headers, body)
        refused = self._gate.refusal()
        if refused is not None:
            return given_up(503, refused, request_id, 0, retry_after=1.0)
        try:
            with Visit(self._gate, task, receive):
                features = read_features(headers, self._route.balancer.rules.features)
                return await self._deliver(request_id, read_size(headers), features)
        except OverloadedError as error:
            return given_up(503, str(error), request_id, 0, retry_after=1.0)
        except asyncio.CancelledError:
            if not self._gate.closing:
                raise
            return given_up(503, "shutting down", request_id, None, retry_after=1.0)

    async def _deliver(self, request_id: str, size: float | None, features: Floats | None) -> Reply:
        carrier = Whole(self._route.send, request_id, size)
        request = await self._route.dispatcher.deliver(
            request_id, carrier, size=size, features=features
        )
        if request.ending is Ending.DELIVERED:
            return self._delivered(request)
        wait = None
        if request.status == 429:
            wait = self._route.wakes_in(request.ended)
        elif request.status == 503:
            wait = 1.0
        return self._given_up(request.status, request.why, request, retry_after=wait)

    def _given_up(
        self, status: int, detail: str, request: Request, retry_after: float | None = None
    ) -> Reply:
        reply = given_up(status, detail, request.id, request.attempts, retry_after)
        if request.server is not None:
            reply.headers.append((b"x-flb-server", request.server.encode()))
        return reply

    def _delivered(self, request: Request) -> Reply:
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


def _request_id(asked: Headers) -> tuple[bytes, bytes]:
    """The client's own name for its request if it is sane, else one of ours."""
    name = asked.get(b"x-request-id")
    sane = name is not None and SANE.fullmatch(name)
    return b"x-request-id", name if name and sane else b"%032x" % getrandbits(128)


def _with_marks(send: Send, asked: Headers) -> Send:
    """Adds to what FastAPI answers the headers that every answer carries."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], NO_ATTEMPTS, _request_id(asked)]
        await send(message)

    return marked


def _refuse_doubled(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Two values of a header that says how to read the body would leave us to guess."""
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
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


async def _body(headers: Headers, receive: Receive) -> bytes:
    length = headers.get(b"content-length", b"")
    too_large = length.isdigit() and int(length) > LARGEST
    body = b""
    more = True
    while more and not too_large:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        too_large = len(body) > LARGEST
    if too_large:
        raise RefusedError(413, f"a body has at most {LARGEST} bytes")
    return body


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
