"""Copies of requests for another pool: answers are dropped, outcomes are counted and recorded."""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flaky_load_balancer.proxy import headers, outcomes
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.http1 import AnswerHead, Headers, RequestHead, UpstreamError
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.request import OverloadedError, Request
from flaky_load_balancer.proxy.route import Route

if TYPE_CHECKING:
    from flaky_load_balancer.proxy.http import HttpRoute

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Copy:
    """A request as it is sent to a mirror: nobody waits for the answer."""

    head: RequestHead
    headers: Headers
    body: bytes
    id: str


class MirrorCarrier:
    """Sends a copy once."""

    repeatable = False
    resendable = True
    whole = False
    committed = False
    code: int | None = None
    terms = None

    def __init__(self, route: "HttpRoute", mirror: Route, copy: Copy) -> None:
        self._route = route
        self._mirror = mirror
        self._copy = copy

    async def send(self, attempt: Attempt) -> Answer:
        """The whole answer is read and dropped."""
        server, timeouts = attempt.server, self._route.settings.timeouts
        assert server is not None
        copy, connection = self._copy, None
        try:
            connection = await server.upstream.connect(timeouts.connect)
            connection.limit(timeouts.first_byte, timeouts.idle)
            attempt.sent()
            passed = headers.with_own(copy.headers, server.host, server.headers)
            target = self._route.target(server, copy.head.path)
            connection.send(copy.head.method, target, passed, body=copy.body)
            head: AnswerHead = await connection.answer()
            attempt.answered(self._mirror.dispatcher.now(), head.status)
            while await connection.body.read():
                pass
        except UpstreamError as error:
            return outcomes.broken(error)
        finally:
            if connection is not None:
                connection.release()
        self.code = head.status
        return outcomes.of_http(head.status, head.headers, time.time(), self._route.settings.failed)

    async def pass_on(self, attempt: Attempt, answer: Answer) -> Answer:  # noqa: ARG002
        return answer

    def drop(self, attempt: Attempt) -> None: ...

    async def conclude(self, request: Request) -> None: ...


async def mirrored(route: "HttpRoute", mirror: Route, copy: Copy) -> None:
    """Send a copy; whatever happens, it is no trouble of the client's."""
    try:
        await mirror.dispatcher.deliver(copy.id, MirrorCarrier(route, mirror, copy))
    except OverloadedError:
        log.debug("%s: no room for a copy", mirror.name)
