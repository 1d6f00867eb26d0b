"""The data plane: every request of a client comes here, and goes to the kind of its route."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from random import random

from flaky_load_balancer.proxy import headers
from flaky_load_balancer.proxy.access import AccessLog
from flaky_load_balancer.proxy.gate import Gate
from flaky_load_balancer.proxy.handler import Handler, Visit
from flaky_load_balancer.proxy.headers import Trusted
from flaky_load_balancer.proxy.http import HttpCarrier, HttpRoute, reply_problem
from flaky_load_balancer.proxy.http1 import BodyError, Exchange, Headers, Refusal, Visitor, asgi
from flaky_load_balancer.proxy.ids import Game, others
from flaky_load_balancer.proxy.mirror import mirrored
from flaky_load_balancer.proxy.problems import MEDIA_TYPE, details
from flaky_load_balancer.proxy.request import OverloadedError, Request
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.proxy.routing import DotSegmentError, Router

SOON = 1.0  # seconds after which somebody who was refused may come again
log = logging.getLogger(__name__)


class DataPlane:
    """Hands each request to its route.  ``load`` may be called at any time."""

    def __init__(
        self, gate: Gate, access_log: AccessLog | None = None, trusted: Sequence[str] = ()
    ) -> None:
        self.gate = gate
        self._access_log = access_log or AccessLog(None)
        self._trusted = Trusted(trusted)
        self._mirrors: set[asyncio.Task[None]] = set()
        self.load([], [])

    def load(
        self,
        routes: Iterable[HttpRoute | Handler],
        games: Sequence[Route],
        trusted: Sequence[str] | None = None,
    ) -> None:
        """From now on requests take these routes."""
        if trusted is not None:
            self._trusted = Trusted(trusted)
        played = [Game(each) for each in games]
        self._others = asgi(others(played))
        self._router: Router[HttpRoute | Handler] = Router(
            [*routes, *played], lambda route: route.settings
        )

    # When a request is handled.

    def ask(self, visitor: Visitor) -> None:
        """Let a request in as soon as the gate does."""
        self.gate.ask(visitor)

    def forget(self, visitor: Visitor) -> None:
        """Its client has gone before it was let in."""
        self.gate.forget(visitor)

    def hand_over(self, visitor: Visitor, other: Visitor) -> None:
        self.gate.hand_over(visitor, other)

    @property
    def crowded(self) -> bool:
        return self.gate.crowded

    def refusal(self) -> Refusal:
        """The 503 for whoever is not let in."""
        return _sorry(self.gate.refusal() or "too many requests wait for a place")

    # Handling it.

    async def handle(self, exchange: Exchange) -> None:
        """One request."""
        head, began = exchange.head, time.time()
        try:
            route = self._router.find(head.host, head.path)
        except DotSegmentError:
            self.gate.forget(exchange.visitor)
            reply_problem(exchange, 400, "a path with '.' or '..' segments", _id(exchange))
            self._access_log.note(exchange, began, None, None)
            return
        if isinstance(route, HttpRoute):
            await self._proxied(route, exchange)
        elif route is None or (isinstance(route, Game) and exchange.method != b"POST"):
            self.gate.forget(exchange.visitor)
            try:
                await self._others(exchange)
            finally:
                name = None if route is None else route.settings.name
                self._access_log.note(exchange, began, None, name)
        else:
            await self._handled(route, exchange)

    async def _proxied(self, route: HttpRoute, exchange: Exchange) -> None:
        began, request_id = time.time(), headers.request_id(exchange.headers)
        task = asyncio.current_task()
        assert task is not None
        self.gate.enter(exchange.visitor, task)
        part = route.part()
        trusted = exchange.peer in self._trusted
        carrier = HttpCarrier(route, part, exchange, trusted=trusted, id=request_id)
        request: Request | None = None
        try:
            self._mirror(route, carrier)
            request = await part.dispatcher.deliver(request_id.decode(), carrier)
        except OverloadedError:
            _refuse(exchange, 503, "too many requests are in flight", request_id)
        except BodyError as error:
            if not exchange.responded and not exchange.gone:
                _refuse(exchange, error.status, error.detail, request_id, None)
        except asyncio.CancelledError:
            if exchange.gone or not self.gate.closing:
                raise
            if not exchange.responded:
                _refuse(exchange, 503, "shutting down", request_id)
        finally:
            carrier.close()
            self.gate.leave(task)
            self._access_log.note(
                exchange,
                began,
                request_id,
                route.settings.name,
                server=carrier.server,
                request=request,
            )

    async def _handled(self, route: Handler, exchange: Exchange) -> None:
        began = time.time()
        visit = Visit(headers.request_id(exchange.headers), exchange.peer in self._trusted)
        task = asyncio.current_task()
        assert task is not None
        self.gate.enter(exchange.visitor, task)
        try:
            await route.handle(exchange, visit)
        except OverloadedError:
            route.refuse(exchange, 503, "too many requests are in flight", visit)
        except BodyError as error:
            if not exchange.responded and not exchange.gone:
                route.refuse(exchange, error.status, error.detail, visit)
        except asyncio.CancelledError:
            if exchange.gone or not self.gate.closing:
                raise
            if not exchange.responded:
                route.refuse(exchange, 503, "shutting down", visit)
        finally:
            self.gate.leave(task)
            self._access_log.note(
                exchange,
                began,
                visit.id,
                route.settings.name,
                server=None if visit.request is None else visit.request.server,
                request=visit.request,
            )

    def _mirror(self, route: HttpRoute, carrier: HttpCarrier) -> None:
        """Send a copy elsewhere, where that is safe; nobody waits for it."""
        if route.mirror is None or random() >= route.mirror_share:
            return
        if carrier.repeatable and carrier.whole and len(self._mirrors) < self.gate.max_in_flight:
            task = asyncio.create_task(mirrored(route, route.mirror, carrier.copy()))
            self._mirrors.add(task)
            task.add_done_callback(self._mirrors.discard)

    async def close(self, grace: float) -> None:
        """Let nobody in any more; give those inside some seconds."""
        await self.gate.close(grace)
        for task in self._mirrors:
            task.cancel()


@lru_cache(maxsize=8)
def _sorry(why: str) -> Refusal:
    passed = [
        (b"Content-Type", MEDIA_TYPE.encode()),
        (b"Retry-After", b"%d" % SOON),
        (b"X-FLB-Attempts", b"0"),
    ]
    return Refusal(b"X-Request-ID", passed, details(503, why))


def _id(exchange: Exchange) -> Headers:
    return [(b"X-Request-ID", headers.request_id(exchange.headers)), (b"X-FLB-Attempts", b"0")]


def _refuse(
    exchange: Exchange, status: int, why: str, request_id: bytes, wait: float | None = SOON
) -> None:
    marks = [(b"X-Request-ID", request_id), (b"X-FLB-Attempts", b"0")]
    reply_problem(exchange, status, why, marks, wait)
