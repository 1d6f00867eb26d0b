"""One request of a client to a language model: sent to servers until an answer is whole.

Nothing of an answer goes to the client before it is certain that it has begun well: one that is
not streamed is read to its end first, a streamed one to its first token.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from flaky_load_balancer.config import CLIENT
from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.core.types import Floats, Outcome
from flaky_load_balancer.gateway import errors, limits, streams, verdicts
from flaky_load_balancer.gateway.asked import ANSWERS, Asked
from flaky_load_balancer.gateway.bill import Bill
from flaky_load_balancer.gateway.errors import error_body, error_of, reply_error
from flaky_load_balancer.gateway.ledger import Decided
from flaky_load_balancer.gateway.route import GatewayRoute
from flaky_load_balancer.gateway.streams import BrokenStreamError, Events, Watch
from flaky_load_balancer.gateway.usage import Usage, counted, tokens
from flaky_load_balancer.gateway.verdicts import Fate
from flaky_load_balancer.proxy import headers, outcomes
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.http1 import (
    AnswerHead,
    Body,
    ClientConnection,
    Exchange,
    Headers,
    Reason,
    UpstreamError,
)
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.pool import Server
from flaky_load_balancer.proxy.problems import seconds
from flaky_load_balancer.proxy.request import Request
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.proxy.timers import Within

LARGEST = 32 * 2**20  # bytes of an answer that is not streamed
LINGER = 0.25  # seconds that the end of a stream may come after its last event
SOON = 1.0  # seconds after which a full or drained pool may be asked again
EVENT_STREAM = b"text/event-stream"
KEPT_BACK = {  # headers of the client that are for us, or that no server shall act upon
    *(b"authorization", b"proxy-authorization", b"cookie", b"api-key", b"x-api-key"),
    b"accept-encoding",
}
WAITS = {b"retry-after", b"retry-after-ms", b"x-ms-retry-after-ms"}  # of one server, not of all
IDENTITY = b"Accept-Encoding", b"identity"  # answers are read here


@dataclass(slots=True)
class Received:
    """An answer: whole, or a stream of which the first events are there."""

    server: Server
    head: AnswerHead
    body: bytes = b""
    connection: ClientConnection | None = None  # of a stream
    watch: Watch | None = None
    events: Events = field(default_factory=Events)
    waiting: list[bytes] = field(default_factory=list)  # events for the client


class OpenAICarrier:
    """Sends one request, and passes one answer on."""

    repeatable = True
    resendable = True
    whole = False  # hedges would be paid for twice

    def __init__(
        self,
        route: GatewayRoute,
        part: Route,
        exchange: Exchange,
        asked: Asked,
        *,
        trusted: bool,
        id: bytes,  # noqa: A002
        decision: str,
        features: Floats | None,
    ) -> None:
        self.committed = False
        self.code: int | None = None
        self.server: str | None = None  # whose answer the client got
        self.terms = route.terms(asked, part)
        self._route = route
        self._part = part
        self._exchange = exchange
        self._asked = asked
        self._id = id
        self._decision = decision
        self._features = features
        self._headers, self._authorization = _passed(exchange, trusted=trusted, id=id)
        self._received: dict[int, Received] = {}  # by the number of the attempt
        self._kept: Received | None = None  # the last answer, which was not good
        self._bill = Bill(route.budget, part.dispatcher.now)
        exchange.limit(route.settings.timeouts.idle)

    # Sending.

    async def send(self, attempt: Attempt) -> Answer:
        server, timeouts = attempt.server, self._route.settings.timeouts
        assert server is not None
        connection: ClientConnection | None = None
        if not self._bill.reserve(
            attempt, self.terms.most(server)
        ):  # another took the last dollars
            return Answer(Outcome.CANCELLED, processed=False)
        answer: Answer | None = None
        try:
            connection = await server.upstream.connect(timeouts.connect)
            connection.limit(timeouts.first_byte, timeouts.first_byte)
            attempt.sent()
            self._bill.charge(attempt, Usage(self._asked.size, 0, estimated=True))
            self._start(connection, server)
            with Within(self._route.first_bytes):
                answer = await self._receive(attempt, server, connection)
        except UpstreamError as error:
            answer = outcomes.broken(error)
        except BrokenStreamError as error:
            answer = verdicts.of_event(error.error, error.reason)
        except TimeoutError:
            detail = f"no token within {timeouts.first_byte:g} s"
            answer = Answer(Outcome.FAILED, unclear=True, reason="timeout", detail=detail)
        finally:
            streaming = answer is not None and self._streams(attempt)
            if connection is not None and not streaming:
                connection.release()
            if answer is None or answer.outcome is not Outcome.SUCCEEDED:
                self._bill.settle(attempt)
        return answer

    def _start(self, connection: ClientConnection, server: Server) -> None:
        provider = server.settings.provider
        own = server.headers
        if provider.key == CLIENT:
            own = [*self._authorization, *own]
        elif provider.key is not None:
            own = [(b"authorization", b"Bearer " + provider.key.encode()), *own]
        passed = headers.with_own(self._headers, server.host, own)
        target = self._route.target(server, self._exchange.head.path)
        body = self._asked.for_server(provider.model, ask_usage=provider.ask_usage)
        if (remaining := self._route.remaining.get(server.name)) is not None:
            remaining.sent(self.terms.size)
        connection.send(b"POST", target, passed, body=body)

    async def _receive(
        self, attempt: Attempt, server: Server, connection: ClientConnection
    ) -> Answer:
        head = await connection.answer()
        attempt.status = head.status
        self._note_limits(server, head)
        received = Received(server, head)
        if self._asked.stream and head.status in outcomes.SUCCESS and _is_stream(head):
            received.connection = connection
            await self._first_token(received)
            self._received[attempt.number] = received
            attempt.answered(self._part.dispatcher.now(), head.status)
            return Answer(Outcome.SUCCEEDED)
        received.body = await _whole(connection.body)
        return self._judged(attempt, received)

    async def _first_token(self, received: Received) -> None:
        provider, connection = received.server.settings.provider, received.connection
        assert connection is not None
        hide = provider.ask_usage and self._asked.asks_usage
        watch = received.watch = streams.watch(self._asked, hide_usage=hide)
        while not watch.started:
            piece = await connection.body.read()
            events = received.events.feed(piece) if piece else received.events.end()
            if not events and not piece:
                raise BrokenStreamError("cut", "the stream ended before its first token")
            received.waiting += [watch.take(event) for event in events]

    def _judged(self, attempt: Attempt, received: Received) -> Answer:
        """What becomes of a whole answer."""
        head, server = received.head, received.server
        key = server.settings.provider.key
        document = errors.parsed(received.body)
        verdict = verdicts.of_answer(
            head.status,
            head.headers,
            document,
            time.time(),
            self._route.settings.failed,
            wanted=None if self._asked.stream else ANSWERS[self._asked.operation],
            ours=key not in {None, CLIENT} or any(n == b"authorization" for n, _ in server.headers),
        )
        if head.status not in outcomes.SUCCESS:
            self._bill.charge(attempt, Usage(0, 0))
        if verdict.quota:
            server.trouble.failed("quota", verdict.answer.detail)
        fate = verdict.fate
        if fate is Fate.LARGER:
            fate = self._larger(server)
        if fate is Fate.FINAL:
            self._received[attempt.number] = received
            if head.status in outcomes.SUCCESS:
                self._count(attempt, document, len(received.body))
            return Answer(Outcome.SUCCEEDED)
        if fate is Fate.LEAVE_OUT:
            server.leave_out(f"it refused the key with status {head.status}")
        elif error_of(document):
            self._kept = received
        return verdict.answer

    def _larger(self, server: Server) -> Fate:
        """Whether another server is known to have room for what was too long for this one."""
        self.terms.larger_than = max(
            self.terms.larger_than, server.settings.provider.context or self._asked.size
        )
        servers = self._part.dispatcher.servers
        others = (other for other in servers if other is not server and self.terms.served(other))
        return Fate.ELSEWHERE if any(others) else Fate.FINAL

    def _count(self, attempt: Attempt, document: dict[str, Any], size: int) -> None:
        """A whole answer of so many bytes, that is not streamed."""
        usage = counted(document.get("usage"))
        attempt.answer_id = document["id"] if isinstance(document.get("id"), str) else None
        if usage is None:
            usage = Usage(self._asked.size, tokens(size), estimated=True)
        self._bill.charge(attempt, usage)

    def _note_limits(self, server: Server, head: AnswerHead) -> None:
        said = limits.allowances(head.headers, time.time())
        if said:
            remaining = self._route.remaining.setdefault(server.name, limits.Remaining())
            others = server.in_flight - 1
            remaining.told(said, time.monotonic(), others, self.terms.size)

    # Answering.

    async def pass_on(self, attempt: Attempt, answer: Answer) -> Answer:
        received = self._received[attempt.number]
        self.committed = True
        self.server = received.server.name
        try:
            if received.head.status in outcomes.SUCCESS:
                self._remember(attempt, received)
            if received.watch is None:
                self._bill.settle(attempt)
                self._reply(received, attempt.number)
                return answer
            return await self._relay(received, attempt, received.watch, answer)
        finally:
            if received.connection is not None:
                received.connection.release()

    def _remember(self, attempt: Attempt, received: Received) -> None:
        """From now on it can be said what the answer is worth."""
        if received.watch is not None:
            attempt.answer_id = received.watch.id
        decided = Decided(
            self._part.name,
            self._part.run or 0,
            attempt.decision.request,
            received.server.name,
            attempt.index,
            self._features,
            self._part.dispatcher.now(),
        )
        self._route.ledger.remember(self._decision, attempt.answer_id, decided)

    def _reply(self, received: Received, attempts: int) -> None:
        """A whole answer."""
        head, body = received.head, received.body
        if head.status not in outcomes.SUCCESS:
            body = _without_key(body, received.server)
        marks = self._marks(received.server, attempts)
        if self._route.settings.flb_headers:
            marks += self._bill.marks()
        self._respond(received, marks, len(body))
        self._exchange.write(body)
        self._exchange.finish()

    async def _relay(
        self, received: Received, attempt: Attempt, watch: Watch, answer: Answer
    ) -> Answer:
        """A stream: each event at once, and an error where it does not come to its end."""
        exchange, connection = self._exchange, received.connection
        assert connection is not None
        timeouts = self._route.settings.timeouts
        self._asked.body = b""  # nobody will be sent it again
        connection.limit(timeouts.first_byte, timeouts.idle)
        self._respond(received, self._marks(received.server, attempt.number), None)
        try:
            exchange.write(b"".join(received.waiting))
            received.waiting.clear()
            await self._events(received, watch, connection)
        except UpstreamError as error:
            if not watch.complete:
                reason = "stalled" if error.reason is Reason.TIMEOUT else "cut"
                answer = self._broken(watch, reason, outcomes.broken(error))
        except BrokenStreamError as error:
            answer = self._broken(watch, error.reason, verdicts.of_event({}, error.reason))
        finally:
            if answer.outcome is not Outcome.SUCCEEDED:
                self._route.ledger.forget(self._decision)
            self._bill.charge(attempt, watch.used(self._asked))
            self._bill.settle(attempt)
        exchange.finish()
        return answer

    async def _events(self, received: Received, watch: Watch, connection: ClientConnection) -> None:
        exchange, timeouts = self._exchange, self._route.settings.timeouts
        lingering = False
        while True:
            if watch.done and not lingering:
                lingering = True
                connection.limit(timeouts.first_byte, LINGER)
            piece = await connection.body.read()
            if not piece:
                break
            if not lingering:
                for event in received.events.feed(piece):
                    exchange.write(watch.take(event))
                await exchange.drain()
        for event in received.events.end():
            exchange.write(watch.take(event))
            if not watch.complete:
                exchange.write(b"\n\n")  # before the error
        if not watch.complete:
            raise BrokenStreamError("cut", "the stream ended early")

    def _broken(self, watch: Watch, reason: str, answer: Answer) -> Answer:
        """Tell the client, in the middle of its answer."""
        self._exchange.write(
            watch.error(f"The server's answer is not whole: {reason}.", "upstream_" + _word(reason))
        )
        answer.reason = answer.reason or reason
        return Answer(
            Outcome.FAILED, unclear=True, reason=reason, detail=answer.detail or answer.reason
        )

    def drop(self, attempt: Attempt) -> None: ...

    async def conclude(self, request: Request) -> None:
        """The last answer that there was, or an error of ours."""
        if self.committed:
            return
        self.committed = True
        kept, self._kept = self._kept, None
        if kept is not None:
            self.server = kept.server.name
            if not request.any_failed and kept.head.status in {429, 503}:
                wait = seconds(self._part.wakes_in(self._part.dispatcher.now()))
                kept.head.headers = [
                    *(each for each in kept.head.headers if each[0].lower() not in WAITS),
                    (b"Retry-After", wait),
                ]
            self._reply(kept, request.attempts)
            return
        self._refuse(request)

    def _refuse(self, request: Request) -> None:
        """An error, where no server has said anything that can be passed on."""
        servers, wait, kind = self._part.dispatcher.servers, None, None
        status, why, code = request.status, request.why, "upstream_failed"
        if request.unavailable and self.terms.unlimited(servers) and self._route.budget:
            status, code = 400, "max_tokens_required"
            why = "This route has a budget, so max_tokens (or max_output_tokens) is required."
        elif request.unavailable and self.terms.unaffordable(servers):
            status, code, kind = 429, "insufficient_quota", "insufficient_quota"
            why = "The budget of this route is used up for now."
        elif request.short or request.unavailable:
            wait, code = SOON, "overloaded"
        elif request.ending is Ending.DEADLINE:
            code = "timeout"
        elif request.ending is Ending.GIVEN_UP and not request.any_failed:
            wait = self._part.wakes_in(self._part.dispatcher.now())
            code = "rate_limit_exceeded"
        self.code = status
        marks = self._marks(None, request.attempts)
        if wait is not None:
            marks.append((b"Retry-After", seconds(wait)))
        if self._route.settings.flb_headers:
            marks.append((b"X-Request-ID", self._id))
        reply_error(self._exchange, status, error_body(status, why, code=code, kind=kind), marks)

    def _respond(self, received: Received, marks: Headers, length: int | None) -> None:
        head, ours = received.head, self._route.settings.flb_headers
        passed = headers.to_client(head, marks, self._id if ours else None)
        self.code = head.status
        self._exchange.respond(head.status, head.reason, passed, length)

    def _marks(self, server: Server | None, attempts: int) -> Headers:
        if not self._route.settings.flb_headers:
            return []
        marks = [] if server is None else [(b"X-FLB-Server", server.mark)]
        return [
            *marks,
            (b"X-FLB-Attempts", b"%d" % attempts),
            (b"X-FLB-Decision", self._decision.encode()),
        ]

    def _streams(self, attempt: Attempt) -> bool:
        received = self._received.get(attempt.number)
        return received is not None and received.connection is not None

    def close(self) -> None:
        """Whatever happened: no connection stays behind, and no money reserved."""
        for received in self._received.values():
            if received.connection is not None:
                received.connection.release()
                received.connection = None
        self._bill.close()


def _passed(exchange: Exchange, *, trusted: bool, id: bytes) -> tuple[Headers, Headers]:  # noqa: A002
    """What servers get of a client's headers, and apart from it its Authorization."""
    passed = headers.to_server(
        exchange.head, peer=exchange.peer, tls=exchange.tls, trusted=trusted, request_id=id
    )
    authorization = [
        (b"authorization", v) for name, v in passed if name.lower() == b"authorization"
    ]
    kept = [header for header in passed if header[0].lower() not in KEPT_BACK]
    return [*kept, IDENTITY], authorization


async def _whole(body: Body) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await body.read():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise UpstreamError(Reason.NOT_HTTP, "the answer is larger than 32 MiB", sent=True)
    return b"".join(pieces)


def _is_stream(head: AnswerHead) -> bool:
    return any(
        name.lower() == b"content-type" and value.lower().startswith(EVENT_STREAM)
        for name, value in head.headers
    )


def _without_key(body: bytes, server: Server) -> bytes:
    """An error as it came, unless it repeats the server's key."""
    key = server.settings.provider.key
    secrets = [value for name, value in server.headers if name != b"host"]
    if key not in {None, CLIENT}:
        secrets.append(str(key).encode())
    for secret in secrets:
        body = body.replace(secret, b"[key]")
    return body


def _word(reason: str) -> str:
    return reason.replace(" ", "_")
