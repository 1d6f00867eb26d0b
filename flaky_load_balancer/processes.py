"""Child processes of a session: started, listened to, and never left behind.

A child says in a line of JSON on its stdout that it is ready, and after that twice a second how
late its event loop is (``reporting``).  Its stdin is a pipe that its parent holds open: when the
parent dies, even by SIGKILL, the pipe closes and the child ends itself (``stop_requested``), or is
ended if it is too busy for that (``end_with_parent``).
"""

import asyncio
import os
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

import orjson

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.lateness import Lateness, report_loop
from sandbox.text import plain

T = TypeVar("T")

TAIL_LINES = 20  # of a child's output that are shown if it dies
TAIL_WIDTH = 1000  # characters of such a line
JSON_LIMIT = 1 << 22  # bytes of a line of JSON: addresses of a few hundred copies of fleets
# A stranger's program that prints all the time has to wait: after so many characters, of which
# every line counts for some more than it has, nothing is read for a moment.
BURST = 1 << 16  # characters
LINE_COST = 200  # characters
PAUSE = 0.1  # seconds
START_TIMEOUT = 30.0  # seconds that a child has to get ready
STOP_TIMEOUT = 8.0  # seconds that it has to end itself
ORPHAN_TIMEOUT = 2  # seconds that it has to end itself when its parent is dead
PIPE_TIMEOUT = 2.0  # seconds until nobody holds its output any more
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # a closed terminal sends the last one
REFUSED = 2  # exit code of a program that did not start: flags, files, ports


class ChildDiedError(Exception):
    """A child ended that should not have; the message has the last lines that it printed."""

    def __init__(self, message: str, refusal: str | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal  # the message of a program of ours that refused to start


class Child:
    """One running child process and its output; a ``stranger`` is no program of ours."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, *, stranger: bool = False
    ) -> None:
        self.name = name
        self.process = process
        self.stranger = stranger
        self.lateness = Lateness()  # of its event loop
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        heard = (process.stdout, self._hear), (process.stderr, self._remember)
        self._readers = [
            asyncio.create_task(self._read(stream, hear)) for stream, hear in heard if stream
        ]

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        env: dict[str, str] | None = None,
        *,
        stranger: bool = False,
        speaks: bool = False,
        inherits: Sequence[int] = (),
        first_input: bytes = b"",
    ) -> Self:
        """Run a command in a process group of its own: Ctrl-C reaches the parent alone.

        One that ``speaks`` says what it has to say where we do, and nobody listens to it.
        ``inherits`` are files that it has open, too; ``first_input`` is what it reads first on
        its stdin, which then stays open.
        """
        output = None if speaks else asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=env,
                start_new_session=True,
                pass_fds=inherits,
                limit=JSON_LIMIT,
            )
        except OSError as error:
            raise UserError(f"{name} ({command[0]}) cannot be run: {error.strerror}") from None
        if first_input:
            assert process.stdin is not None  # a pipe
            process.stdin.write(first_input)
        return cls(name, process, stranger=stranger)

    async def ready(
        self, work: Awaitable[T] | None = None, *, within: float = START_TIMEOUT
    ) -> T | Any:
        """Wait for this work, which shows that the child is ready, or for its next line of JSON.

        ChildDiedError if that does not happen in time.
        """
        try:
            async with asyncio.timeout(within):
                return await self.unless_it_dies(work or self._answers.get())
        except TimeoutError:
            raise ChildDiedError(
                f"{self.name} was not ready after {within:g} s{self._last_lines()}"
            ) from None

    async def unless_it_dies(self, work: Awaitable[T]) -> T:
        """Do the work; ChildDiedError if the child ends first."""
        working = asyncio.ensure_future(work)
        dying = asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait([working, dying], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
        finally:
            dying.cancel()
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working
        await self._heard(1.0)
        code = dying.result()
        refused = code == REFUSED and not self.stranger and bool(self._tail)
        refusal = "\n".join(self._tail).split("error: ", 1)[-1].strip() if refused else None
        raise ChildDiedError(
            f"{self.name} ended ({how_it_ended(code)}){self._last_lines()}", refusal
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child and all its children."""
        with suppress(ProcessLookupError, PermissionError):  # they are all gone
            os.killpg(self.process.pid, number)

    async def stop(self) -> None:
        """Ask it to end, make it end, and wait until it and all its children are gone.

        Whoever is too impatient to wait (a second Ctrl-C) cancels the asking, not the ending.
        """
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            self.signal(signal.SIGKILL)
        await self.process.wait()
        await self._heard(PIPE_TIMEOUT)  # what is left ends with its warden
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        assert self.process.stdin is not None  # a pipe
        self.process.stdin.close()

    async def _heard(self, seconds: float) -> None:
        """Wait until all of its output is read."""
        if self._readers:
            await asyncio.wait(self._readers, timeout=seconds)

    def _hear(self, line: str) -> None:
        if line.startswith("{") and not self.stranger:
            with suppress(orjson.JSONDecodeError):
                answer = orjson.loads(line)
                if set(answer) == {"late"}:
                    self.lateness.add_all(answer["late"])
                else:
                    self._answers.put_nowait(answer)
                return
        self._remember(line)

    def _remember(self, line: str) -> None:
        shown = plain(line[:TAIL_WIDTH])
        self._tail.append(shown if len(line) <= TAIL_WIDTH else f"{shown}...")

    @property
    def tail(self) -> list[str]:
        """The last lines that it printed for people."""
        return list(self._tail)

    def _last_lines(self) -> str:
        if not self._readers:
            return "; see what it said above"
        if not self._tail:
            return "; it printed nothing"
        return "; the last lines it printed:\n" + "\n".join(f"  {line}" for line in self._tail)

    async def _read(self, stream: asyncio.StreamReader, hear: Any) -> None:
        taken = 0
        while line := await _line(stream):
            hear(line.decode(errors="replace").rstrip())
            taken += len(line) + LINE_COST
            if self.stranger and taken > BURST and self.process.returncode is None:
                taken = 0
                await asyncio.sleep(PAUSE)


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


async def _line(stream: asyncio.StreamReader) -> bytes:
    """One line, or as much as is buffered of a line that is too long."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.readexactly(error.consumed)


def end_with_parent() -> None:
    """Be gone some seconds after our parent, whatever we are doing: the kernel sees to it."""
    threading.Thread(target=_alarm_when_alone, daemon=True).start()


def _alarm_when_alone() -> None:
    try:
        while True:
            select.select([0], [], [])
            with suppress(BlockingIOError):
                if not os.read(0, 4096):
                    signal.alarm(ORPHAN_TIMEOUT)  # nobody handles it: it ends us
                    return
    except OSError:
        return  # it was closed: we are ending


async def reporting(work: Coroutine[Any, Any, T]) -> T:
    """Do the work of a child, and report on stdout how late its event loop is meanwhile."""
    reporter = asyncio.create_task(report_loop(_report))
    try:
        return await work
    finally:
        reporter.cancel()


def _report(delays: list[float]) -> None:
    with suppress(OSError):  # the parent is gone, and this process is about to end
        print(orjson.dumps({"late": delays}).decode(), flush=True)


def stop_requested(
    *, child: bool = False, signals: Sequence[signal.Signals] = STOPPING
) -> "asyncio.Future[None]":
    """Done when the program should end: on one of these signals; in a child without its parent.

    Signals are heeded from this call on, so make it before anybody can reach the program.
    """
    loop = asyncio.get_running_loop()
    requested: asyncio.Future[None] = loop.create_future()

    def request(*_: object) -> None:
        if not requested.done():
            requested.set_result(None)

    for number in signals:
        loop.add_signal_handler(number, request)
    if child:
        watching = loop.create_task(_parent_gone())
        watching.add_done_callback(request)
        requested.add_done_callback(lambda _: watching.cancel())
    return requested


async def _parent_gone() -> None:
    """Return when stdin is closed, because the parent ended or died."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
