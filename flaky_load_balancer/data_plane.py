"""The data plane: one POST path for each route, and nothing else.

Deliveries go past FastAPI, whose work for a request (middleware, dependencies, validation) takes
longer than everything that we do for one; it answers all the rest.
"""

import asyncio
import json
import logging
import math
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Response
from starlette.datastructures import Headers
from starlette.routing import Route as Path
from starlette.types import Receive, Scope, Send

from flaky_load_balancer import problems
from flaky_load_balancer.dispatcher import Request
from flaky_load_balancer.events import Ending
from flaky_load_balancer.problems import problem
from flaky_load_balancer.route import Route

LARGEST = 4096  # bytes of a request's body
PATIENCE = 0.02  # seconds before we look whether the client is still there
ID = re.compile(r"[A-Za-z0-9]{24}")
SANE = re.compile(r"[!-~]{1,128}")
log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The client's request is wrong: never sent to a server."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class ClientGoneError(Exception):
    """The client hung up before its request was complete."""


class Gate:
    """Lets requests in until there are too many, or until we are shutting down."""

    def __init__(self, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self.closing = False
        self._inside: set[asyncio.Task[Any]] = set()

    @property
    def in_flight(self) -> int:
        return len(self._inside)

    def refusal(self) -> str | None:
        if self.closing:
            return "shutting down"
        if self.in_flight >= self.max_in_flight:
            return f"{self.in_flight} requests are in flight, --max-in-flight lets in no more"
        return None

    @contextmanager
    def entered(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # ASGI servers run apps in tasks
        self._inside.add(task)
        try:
            yield
        finally:
            self._inside.discard(task)

    async def close(self, grace: float) -> None:
        """Let no more requests in; give those inside some seconds, then cancel them."""
        self.closing = True
        if self._inside:
            await asyncio.wait(self._inside, timeout=grace)
        for task in self._inside:
            task.cancel()


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
            await self._others(scope, receive, send)


class Deliveries:
    """The ASGI app of one route."""

    def __init__(self, route: Route, gate: Gate) -> None:
        self._route = route
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            response = await self._answer(headers, receive)
        except ClientGoneError:
            return
        except RefusedError as error:
            response = problem(error.status, error.detail)
        except Exception:
            log.exception("a request on %s could not be handled", self._route.path)
            response = problem(500, "a fault of the balancer, see its log")
        asked = headers.get("x-request-id", "")
        named = asked if SANE.fullmatch(asked) else uuid.uuid4().hex
        response.headers["X-Request-ID"] = named
        await response(scope, receive, send)

    async def _answer(self, headers: Headers, receive: Receive) -> Response:
        request_id = read_id(headers, await _body(headers, receive))
        refusal = self._gate.refusal()
        if refusal is not None:
            return given_up(503, refusal, request_id, 0, retry_after=1.0)
        with self._gate.entered():
            try:
                return await _unless_gone(receive, lambda: self._deliver(request_id))
            except asyncio.CancelledError:
                if not self._gate.closing:
                    raise
                return given_up(503, "shutting down", request_id, None, retry_after=1.0)

    async def _deliver(self, request_id: str) -> Response:
        request = await self._route.dispatcher.deliver(request_id)
        match request.ending:
            case Ending.DELIVERED:
                return self._delivered(request)
            case Ending.DEADLINE:
                return given_up(504, "the deadline passed first", request_id, request.attempts)
        if request.any_failed:
            return given_up(502, "no server delivered it", request_id, request.attempts)
        wait = self._route.wakes_in(request.ended)
        return given_up(
            429, "every server refused for now", request_id, request.attempts, retry_after=wait
        )

    def _delivered(self, request: Request) -> Response:
        assert request.server is not None  # delivered, so there was one
        server = self._route.servers[request.server]
        body = {
            "id": request.id,
            "status": "delivered",
            "server": server,
            "attempts": request.attempts,
        }
        headers = {"X-FLB-Server": server, "X-FLB-Attempts": str(request.attempts)}
        return Response(orjson.dumps(body), 200, headers, "application/json")


def given_up(
    status: int,
    detail: str,
    request_id: str,
    attempts: int | None,
    retry_after: float | None = None,
) -> Response:
    """``retry_after`` in seconds; ``attempts`` None where we do not know."""
    headers = {} if attempts is None else {"X-FLB-Attempts": str(attempts)}
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return problem(status, detail, headers, id=request_id, status="given-up", attempts=attempts)


async def _body(headers: Headers, receive: Receive) -> bytes:
    body = b""
    more = True
    too_large = headers.get("content-length", "0").isdecimal() and (
        int(headers.get("content-length", "0")) > LARGEST
    )
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
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(415, "Content-Encoding is not supported: send the id as it is")
    kind, _, parameters = headers.get("content-type", "text/plain").partition(";")
    kind = kind.strip().lower()
    if kind not in {"", "text/plain", "application/json"}:
        raise RefusedError(415, "Content-Type must be text/plain or application/json")
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise RefusedError(415, "the charset must be utf-8")
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


def _json_id(text: str) -> str:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise RefusedError(400, "the JSON has a key twice")
        return dict(pairs)

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    found = document.get("id") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise RefusedError(422, 'expected {"id": "24 letters and digits"}')
    return found


async def _unless_gone(receive: Receive, deliver: Callable[[], Awaitable[Response]]) -> Response:
    """Deliver, but stop when the client hangs up: ClientGoneError.

    Most deliveries are over before ``PATIENCE`` is, and cost no more than a timer.
    """
    task = asyncio.current_task()
    assert task is not None  # ASGI servers run apps in tasks
    gone = False
    watch: asyncio.Task[None] | None = None

    async def hung_up() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    def start() -> None:
        nonlocal watch
        watch = asyncio.ensure_future(hung_up())

    timer = asyncio.get_running_loop().call_later(PATIENCE, start)
    try:
        return await deliver()
    except asyncio.CancelledError:
        if gone:
            task.uncancel()
            raise ClientGoneError from None
        raise
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()
