"""The body of a message as it arrives, with backpressure on whoever sends it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

UNREAD = 4096  # bytes that may wait to be read before the sender is held back


class Sink(Protocol):
    """Where a body can be piped: the other side's connection."""

    def write(self, data: bytes) -> None: ...

    def end(self) -> None:
        """The body is complete."""

    def fail(self, error: Exception) -> None:
        """The body will not be completed."""

    def feed_from(self, pause: Callable[[bool], None] | None) -> None:
        """Whom to hold back (True) and to let go on (False) while what is written piles up."""


class Body:
    """Bytes that arrive; they are read piece by piece, or piped into a sink.

    While pieces wait to be read the sender is held back.  With ``keep`` the first bytes are
    remembered, so that the body can be sent again: to several sinks, each from the beginning.
    """

    __slots__ = (
        "_error",
        "_finished",
        "_held",
        "_hold",
        "_keep",
        "_kept",
        "_pieces",
        "_sink",
        "_start",
        "_unread",
        "_waiter",
        "complete",
        "received",
    )

    def __init__(
        self, hold: Callable[[bool], None], start: Callable[[], None] | None = None
    ) -> None:
        self.complete = False  # the end has arrived
        self.received = 0  # bytes
        self._hold = hold  # stops (True) and restarts (False) the sender
        self._held = False
        self._start = start  # called when the body is first asked for (Expect: 100-continue)
        self._pieces: deque[bytes] = deque()
        self._unread = 0  # bytes in them
        self._keep = 0
        self._kept: list[bytes] | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._finished: asyncio.Future[None] | None = None
        self._sink: Sink | None = None

    # For whoever wants the body.

    async def read(self) -> bytes:
        """The next piece; b"" at the end.  Raises what broke the body."""
        self._begin()
        while not self._pieces and not self.complete:
            await self._more()
        return self.take()

    async def read_all(self) -> bytes:
        """All of it."""
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def take(self) -> bytes:
        """What is there to be read now, without waiting."""
        if self._error is not None and not self._pieces:
            raise self._error
        pieces = self._pieces
        if not pieces:
            return b""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        self._release()
        return data

    @property
    def exhausted(self) -> bool:
        """Its end was read."""
        return self.complete and not self._pieces

    def keep(self, limit: int) -> None:
        """Remember the body from its beginning, unless it is longer than so many bytes."""
        self._keep = limit
        self._kept = [*self._pieces]
        self._forget_if_long()

    @property
    def kept(self) -> bytes | None:
        """All that has arrived so far, or None if that cannot be sent again."""
        return None if self._kept is None else b"".join(self._kept)

    def pipe(self, sink: Sink) -> None:
        """Hand on what has arrived and all that will, until ``unpipe``; the sink sets the pace.

        In the end the sink's ``end`` or ``fail`` is called.
        """
        if self._error is not None:
            sink.fail(self._error)
            return
        data = self.kept if self._kept is not None else self.take()
        self._pieces.clear()
        self._unread = 0
        if data:
            sink.write(data)
        if self.complete:
            sink.end()
            return
        self._begin()
        self._sink = sink
        sink.feed_from(self.pause)

    def unpipe(self) -> None:
        """Stop handing on."""
        if self._sink is not None:
            self._sink.feed_from(None)
            self._sink = None

    async def finished(self) -> None:
        """Until all of it has arrived; raises what broke it."""
        if self.complete:
            return
        if self._error is not None:
            raise self._error
        self._finished = asyncio.get_running_loop().create_future()
        await self._finished

    def pause(self, paused: bool) -> None:
        """What a sink calls that is full (True), or ready for more."""
        if paused != self._held:
            self._held = paused
            self._hold(paused)

    def _begin(self) -> None:
        if self._start is not None:
            start, self._start = self._start, None
            start()
        self._release()

    def _release(self) -> None:
        if self._held:
            self.pause(False)

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # For the connection on which it arrives.

    @property
    def expected(self) -> bool:
        """Nobody has asked for it yet, and the sender waits for that (Expect: 100-continue)."""
        return self._start is not None

    @property
    def held(self) -> bool:
        """The sender is being held back."""
        return self._held

    def feed(self, data: bytes) -> None:
        """Some of it has arrived."""
        self.received += len(data)
        if self._kept is not None:
            self._kept.append(data)
            self._forget_if_long()
        if self._sink is not None:
            self._sink.write(data)
            return
        self._pieces.append(data)
        self._unread += len(data)
        if self._unread > UNREAD:
            self.pause(True)
        wake(self._waiter)

    def end(self) -> None:
        """All of it has arrived."""
        self.complete = True
        self._start = None
        if self._sink is not None:
            sink = self._sink
            self.unpipe()
            sink.end()
        self._release()
        wake(self._waiter)
        wake(self._finished)

    def fail(self, error: Exception) -> None:
        """It will not be completed."""
        if self.complete or self._error is not None:
            return
        self._error = error
        if self._sink is not None:
            sink = self._sink
            self.unpipe()
            sink.fail(error)
        wake(self._waiter)
        if self._finished is not None and not self._finished.done():
            self._finished.set_exception(error)

    def _forget_if_long(self) -> None:
        if self._kept is not None and self.received > self._keep:
            self._kept = None


def wake(waiter: "asyncio.Future[None] | None") -> None:
    """Let whoever waits go on."""
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
