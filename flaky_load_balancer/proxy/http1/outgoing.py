"""What a connection sends: written together, at the pace of whoever receives it."""

import asyncio
from collections.abc import Callable

from flaky_load_balancer.proxy.http1.body import wake
from flaky_load_balancer.proxy.http1.timer import Timer

TOGETHER = 16384  # bytes that wait for what is written next
AHEAD = 4096  # bytes that may wait to be sent before whoever writes is held back


class Outgoing:
    """The sending half of a connection.

    ``stuck`` is called when the receiver has taken nothing for ``idle`` seconds.
    """

    __slots__ = (
        "_drained",
        "_feeder",
        "_full",
        "_loop",
        "_pending",
        "_progress",
        "_size",
        "_stuck",
        "_unsent",
        "idle",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stuck: Callable[[], object], idle: float
    ) -> None:
        self.idle = idle
        self._loop = loop
        self._stuck = stuck
        self._pending: list[bytes] = []  # written within this pass of the event loop
        self._size = 0
        self._full = False  # whoever writes should wait
        self._unsent = 0
        self._progress: Timer | None = None
        self._feeder: Callable[[bool], None] | None = None
        self._drained: asyncio.Future[None] | None = None

    def start(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=AHEAD, low=0)

    def write(self, data: bytes) -> None:
        """Send, together with what else is written before the event loop goes on."""
        if not self._pending:
            self._loop.call_soon(self.flush)
        self._pending.append(data)
        self._size += len(data)
        if self._size > TOGETHER:
            self.flush()

    def write_now(self, data: bytes) -> None:
        """The same, without waiting for more."""
        if self._pending:
            self._pending.append(data)
            self.flush()
        else:
            self.transport.write(data)

    def write_chunk(self, data: bytes) -> None:
        """A piece of a body of unknown length."""
        if len(data) <= TOGETHER // 2:
            self.write(b"%x\r\n%b\r\n" % (len(data), data))
            return
        for part in (b"%x\r\n" % len(data), data, b"\r\n"):
            self.write(part)

    def flush(self) -> None:
        pending = self._pending
        if not pending:
            return
        self._pending, self._size = [], 0
        if self.transport.is_closing():
            return
        if len(pending) == 1:
            self.transport.write(pending[0])
        else:
            self.transport.writelines(pending)

    def end(self) -> None:
        """No more is sent; what was is on its way."""
        self.flush()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()

    def feed_from(self, pause: Callable[[bool], None] | None) -> None:
        """Whom to hold back (True) and to let go on (False) while what is written piles up."""
        self._feeder = pause
        if self._full and pause is not None:
            pause(True)

    async def drain(self) -> None:
        """Until most of what was written is taken."""
        self.flush()
        if self._full and not self.transport.is_closing():
            self._drained = self._loop.create_future()
            await self._drained

    def pause(self) -> None:
        """What asyncio's ``pause_writing`` says."""
        self._full = True
        self._unsent = self.transport.get_write_buffer_size()
        if self._progress is None:
            self._progress = Timer(self._loop, self._check)
        self._progress.set(self.idle)
        if self._feeder is not None:
            self._feeder(True)

    def resume(self) -> None:
        """What asyncio's ``resume_writing`` says."""
        self._full = False
        if self._progress is not None:
            self._progress.clear()
        if self._feeder is not None:
            self._feeder(False)
        wake(self._drained)

    def close(self) -> None:
        """The connection has ended."""
        self._feeder = None
        self._pending = []
        if self._progress is not None:
            self._progress.close()
        wake(self._drained)

    def _check(self) -> None:
        """The receiver has had time to take something."""
        assert self._progress is not None
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent = unsent
            self._progress.set(self.idle)
        else:
            self._stuck()
