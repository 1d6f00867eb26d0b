"""The provider's side of a connection: answers that are written bit by bit."""

from collections.abc import Callable, Iterator

from flaky_load_balancer.simulation.fleets.connection import (
    SHORTEST_DELAY,
    Answer,
    Connection,
    Request,
)
from flaky_load_balancer.simulation.fleets.servers import Fault
from flaky_load_balancer.simulation.providers.wire import End, Reply

Piece = tuple[float, bytes]


class ProviderConnection(Connection):
    """Answers what is asked as its provider says."""

    largest = 8 << 20  # bytes of a body

    def __init__(
        self, ask: Callable[[Request], Reply | Fault], connections: set[Connection]
    ) -> None:
        super().__init__(connections)
        self._ask = ask

    def _do(self, request: Request) -> None:
        reply = self._ask(request)
        if isinstance(reply, Fault):
            self._act(Answer(b"", 0.0, reply), request.keep)
        else:
            self._busy = True
            self._play(iter(reply.pieces), reply.end, request.keep)

    def _play(self, pieces: Iterator[Piece], end: End, keep: bool, due: bytes = b"") -> None:
        """Write what is due, and go on when the next piece is."""
        if self._closing:
            return
        for delay, payload in pieces:
            if delay < SHORTEST_DELAY:
                due += payload
                continue
            if due:
                self._transport.write(due)
            self._timer = self._loop.call_later(delay, self._play, pieces, end, keep, payload)
            return
        if end is End.WHOLE:
            self._write_late(due, keep)
            return
        self._transport.write(due)
        if end is End.CUT:
            self._loop.call_soon(self.abort)
