"""Kind ``http``: a request goes to a server as it came, and the answer comes back as it is."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from flaky_load_balancer.config import RouteSettings
from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy import headers, outcomes
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.http1 import (
    AnswerHead,
    BodyError,
    ClientConnection,
    Exchange,
    Headers,
    UpstreamError,
    answer_length,
    body_length,
    relay,
    tunnel,
)
from flaky_load_balancer.proxy.mirror import Copy
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.pool import Server
from flaky_load_balancer.proxy.problems import MEDIA_TYPE, details, seconds
from flaky_load_balancer.proxy.request import Request
from flaky_load_balancer.proxy.retry import RetryPolicy
from flaky_load_balancer.proxy.route import Route, drawn
from flaky_load_balancer.proxy.routing import upstream_target

SWITCHING = 101
SOON = 1.0  # seconds after which a full or drained pool may be asked again
log = logging.getLogger(__name__)


@dataclass
class HttpRoute:
    """A route of kind ``http``, with the parts of its A/B test and its mirror."""

    settings: RouteSettings
    parts: list[tuple[float, Route]]  # each with its share of the requests, up to 1
    mirror: Route | None = None
    mirror_share: float = 0.0
    prefix: bytes = b""
    retry: RetryPolicy = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = self.settings.path.encode()
        self.retry = RetryPolicy(self.settings.retry)

    def part(self) -> Route:
        """The strategy that decides about the next request."""
        return drawn(self.parts)

    def target(self, server: Server, path: bytes) -> bytes:
        return upstream_target(server.base, self.prefix, path, strip=self.settings.strip_path)


@dataclass(slots=True)
class Sent:
    """A request on its way to a server, and the answer to it."""

    server: Server
    connection: ClientConnection
    head: AnswerHead | None = None


class HttpCarrier:
    """One request of a client: sent to servers, until an answer is passed on."""

    terms = None

    def __init__(
        self,
        route: HttpRoute,
        part: Route,
        exchange: Exchange,
        *,
        trusted: bool,
        id: bytes,  # noqa: A002
    ) -> None:
        self.committed = False
        self.code: int | None = None
        self.server: str | None = None  # whose answer the client got
        self._route = route
        self._part = part
        self._exchange = exchange
        self._id = id
        self._head = exchange.head
        self._headers = headers.to_server(
            self._head, peer=exchange.peer, tls=exchange.tls, trusted=trusted, request_id=id
        )
        self.repeatable = route.retry.repeatable(self._head.method, self._head.headers)  # rule 2
        self._sent: dict[int, Sent] = {}  # by the number of the attempt: those that go on
        self._kept: Kept | None = None  # the last answer, which was not good
        self._piped = False  # some of the body may be with a server
        exchange.body.keep(route.settings.retry.buffer)
        exchange.limit(route.settings.timeouts.idle)

    @property
    def resendable(self) -> bool:
        """Rule 3: whatever went to a server of the body is still here."""
        return not self._piped or self._exchange.body.kept is not None

    @property
    def whole(self) -> bool:
        body = self._exchange.body
        return body.complete and body.kept is not None and not self._head.upgrade

    def copy(self) -> Copy:
        """The whole request, for a mirror."""
        body = self._exchange.body.kept or b""
        return Copy(self._head, self._headers, body, self._id.decode("latin-1"))

    async def send(self, attempt: Attempt) -> Answer:
        server = attempt.server
        assert server is not None
        sent: Sent | None = None
        timeouts = self._route.settings.timeouts
        try:
            connection = await server.upstream.connect(timeouts.connect)
            sent = self._sent[attempt.number] = Sent(server, connection)
            connection.limit(timeouts.first_byte, timeouts.idle)
            if not attempt.hedge:
                connection.inform = self._inform
            attempt.sent()
            self._start(connection, server)
            sent.head = await connection.answer()
        except UpstreamError as error:
            return outcomes.broken(error)
        except BodyError as error:
            self.code = error.status
            raise
        finally:
            if sent is not None and sent.head is None:
                self._abandon(attempt.number)
        return self._classified(attempt, sent.head)

    def _start(self, connection: ClientConnection, server: Server) -> None:
        """The request goes out; its body follows as it comes."""
        head, body = self._head, self._exchange.body
        host = head.host if self._route.settings.preserve_host and head.host else server.host
        passed = headers.with_own(self._headers, host, server.headers)
        target = self._route.target(server, head.path)
        if body.complete and (kept := body.kept) is not None:
            connection.send(head.method, target, passed, body=kept)
            return
        connection.send(head.method, target, passed, body_length(head.length))
        self._piped = True
        body.pipe(connection)

    def _inform(self, head: AnswerHead) -> None:
        """Interim answers such as 103; they commit to nothing."""
        self._exchange.inform(head.status, head.reason, headers.to_client(head, [], None))

    def _classified(self, attempt: Attempt, head: AnswerHead) -> Answer:
        settings = self._route.settings
        early = head.status == outcomes.TOO_EARLY and any(
            name.lower() == b"early-data" for name, _ in self._head.headers
        )
        answer = outcomes.of_http(
            head.status, head.headers, time.time(), settings.failed, early_data=early
        )
        attempt.answered(self._part.dispatcher.now(), head.status)
        if answer.outcome is not Outcome.SUCCEEDED:
            sent = self._sent.pop(attempt.number)
            self._exchange.body.unpipe()
            self._forget()
            self._kept = Kept(sent.server, sent.connection, head, settings.retry.buffer)
        return answer

    async def pass_on(self, attempt: Attempt, answer: Answer) -> Answer:
        sent = self._sent[attempt.number]
        assert sent.head is not None
        self._forget()
        self.committed = True
        self.server = sent.server.name
        try:
            if sent.head.status == SWITCHING:
                await self._tunnel(sent, attempt)
                return answer
            self._respond(sent.server, sent.head, attempt.number, [])
            await relay(sent.connection, self._exchange)
        except UpstreamError as error:
            return outcomes.broken(error)
        finally:
            self._abandon(attempt.number)
        return answer

    def drop(self, attempt: Attempt) -> None:
        self._abandon(attempt.number)

    async def conclude(self, request: Request) -> None:
        """The last answer that there was, or problem details."""
        if self.committed:
            return
        if self._kept is None:
            self._refuse(request)
            return
        kept, self._kept = self._kept, None
        self.committed, self.server = True, kept.server.name
        instead: Headers = []
        if not request.any_failed and kept.head.status in {429, 503}:
            instead = [(b"Retry-After", seconds(self._part.wakes_in(self._part.dispatcher.now())))]
        try:
            self._respond(kept.server, kept.head, request.attempts, instead)
            await kept.pass_on(self._exchange)
        finally:
            kept.close()

    def close(self) -> None:
        """Whatever happened: no connection stays behind."""
        self._forget()
        while self._sent:
            self._abandon(next(iter(self._sent)))

    def _respond(self, server: Server, head: AnswerHead, attempts: int, instead: Headers) -> None:
        """The head of an answer; headers of ours and some ``instead`` of the server's."""
        exchange, ours = self._exchange, self._route.settings.flb_headers
        passed = headers.to_client(
            head, self._marks(server.mark, attempts), self._id if ours else None
        )
        if instead:
            names = {name.lower() for name, _ in instead}
            passed = [each for each in passed if each[0].lower() not in names] + instead
        self.code = head.status
        exchange.respond(
            head.status, head.reason, passed, answer_length(head, exchange.head.method)
        )

    async def _tunnel(self, sent: Sent, attempt: Attempt) -> None:
        assert sent.head is not None
        passed = headers.to_client(
            sent.head,
            self._marks(sent.server.mark, attempt.number),
            self._id if self._route.settings.flb_headers else None,
        )
        passed += [each for each in sent.head.headers if each[0].lower() == b"upgrade"]
        self.code = SWITCHING
        self._exchange.body.unpipe()
        self._exchange.upgrade(sent.head.reason, passed)
        await tunnel(sent.connection, self._exchange)

    def _refuse(self, request: Request) -> None:
        """Problem details, where no server has said anything."""
        wait = None
        if request.short or request.unavailable:
            wait = SOON
        elif request.ending is Ending.GIVEN_UP and not request.any_failed:
            wait = self._part.wakes_in(self._part.dispatcher.now())
        self.code = request.status
        marks = self._marks(None, request.attempts)
        ids = [(b"X-Request-ID", self._id)] if self._route.settings.flb_headers else []
        reply_problem(self._exchange, self.code, request.why, [*ids, *marks], wait)

    def _marks(self, server: bytes | None, attempts: int) -> Headers:
        if not self._route.settings.flb_headers:
            return []
        marks = [] if server is None else [(b"X-FLB-Server", server)]
        return [*marks, (b"X-FLB-Attempts", b"%d" % attempts)]

    def _forget(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _abandon(self, number: int) -> None:
        sent = self._sent.pop(number, None)
        if sent is not None:
            self._exchange.body.unpipe()
            sent.connection.release()


class Kept:
    """An answer that the client gets only if there is no better one.

    Its body is read while it is small; a larger one waits on its connection.
    """

    def __init__(
        self, server: Server, connection: ClientConnection, head: AnswerHead, most: int
    ) -> None:
        self.server = server
        self.head = head
        self._connection: ClientConnection | None = connection
        self._body = connection.body
        self._pieces: list[bytes] = []
        self._reading: asyncio.Task[None] | None = None
        if self._body.complete:
            self._pieces.append(self._body.take())
            self._release()
        else:
            self._reading = asyncio.ensure_future(self._read(most))

    async def _read(self, most: int) -> None:
        size = 0
        try:
            while size <= most and (piece := await self._body.read()):
                self._pieces.append(piece)
                size += len(piece)
        except UpstreamError:
            return  # it comes to light if this answer is passed on
        if self._body.exhausted:
            self._release()

    async def pass_on(self, exchange: Exchange) -> None:
        """The body, after its head."""
        if self._reading is not None:
            self._reading.cancel()
        exchange.write(b"".join(self._pieces))
        if self._connection is None:
            exchange.finish()
            return
        try:
            await relay(self._connection, exchange)
        except UpstreamError as error:
            log.debug("%s: an answer broke off: %s", self.server.name, error)

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._release()

    def _release(self) -> None:
        """Once: afterwards the connection may be somebody else's."""
        if self._connection is not None:
            self._connection.release()
            self._connection = None


def reply_problem(
    exchange: Exchange,
    status: int,
    detail: str,
    more: Headers,
    retry_after: float | None = None,
) -> None:
    """Answer with problem details; ``retry_after`` in seconds."""
    passed: Headers = [(b"Content-Type", MEDIA_TYPE.encode()), *more]
    if retry_after is not None:
        passed.append((b"Retry-After", seconds(retry_after)))
    exchange.reply(status, passed, details(status, detail))
