"""How one request is sent and answered: where kinds of routes differ."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.pool import Server
from flaky_load_balancer.proxy.request import Request

Send = Callable[[Attempt, str], Awaitable[Answer]]


class Terms(Protocol):
    """What one request asks of servers."""

    def serves(self, servers: Sequence[Server]) -> Sequence[bool]:
        """Which servers may be sent the request at all."""

    def reserve(self, servers: Sequence[Server]) -> Floats | None:
        """(1, K) the most dollars that an attempt on each can cost, where that is known."""

    @property
    def left(self) -> float | None:
        """Dollars of the budget that may still be spent, None without one."""


class Carrier(Protocol):
    """One request, as the dispatcher sees it."""

    @property
    def repeatable(self) -> bool:
        """It may be processed twice."""

    @property
    def resendable(self) -> bool:
        """Whatever was sent of its body can be sent again."""

    @property
    def whole(self) -> bool:
        """All of it is there, so that several attempts can be under way at once."""

    @property
    def committed(self) -> bool:
        """Some of an answer went to the client."""

    @property
    def code(self) -> int | None:
        """The status that the client got."""

    @property
    def terms(self) -> Terms | None:
        """What it asks of servers; None if any will do, and attempts cost nothing."""

    async def send(self, attempt: Attempt) -> Answer:
        """Send it, and classify the head of the answer."""

    async def pass_on(self, attempt: Attempt, answer: Answer) -> Answer:
        """Pass a good answer on; how that ended."""

    def drop(self, attempt: Attempt) -> None:
        """Another attempt was quicker."""

    async def conclude(self, request: Request) -> None:
        """Answer a request that nobody has answered."""


class Whole:
    """The carrier of the game: an attempt is one call, and the answer is known at its end."""

    repeatable = True
    resendable = True
    whole = True
    committed = False
    code: int | None = None
    terms: Terms | None = None

    def __init__(self, send: Send, request_id: str, size: float | None = None) -> None:
        self._send = send
        self._id = request_id
        self.size = size

    async def send(self, attempt: Attempt) -> Answer:
        attempt.size = self.size
        return await self._send(attempt, self._id)

    async def pass_on(self, attempt: Attempt, answer: Answer) -> Answer:  # noqa: ARG002
        return answer

    def drop(self, attempt: Attempt) -> None: ...

    async def conclude(self, request: Request) -> None:
        self.code = request.status
