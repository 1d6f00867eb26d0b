"""Stories of the playground, played in a process of its own: ``python -m ...admin.playing``.

A story of a thousand rounds takes seconds of Python, for which requests must not wait.  The process
starts with the first story and ends with its parent, or when nobody has played for a while.  A
message is a line with its length in bytes, and then JSON; an answer's line has its status, too.
"""

import asyncio
import os
import select
import sys
from io import FileIO

import orjson

PATIENCE = 30.0  # seconds for one story
WAITING = 8  # stories, with the one that is played
IDLE = 60.0  # seconds without a story after which the process ends
NICENESS = 10


class BusyError(Exception):
    """Too many stories wait, or this one takes too long."""


class Player:
    """Plays one story at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def play(self, story: bytes) -> tuple[int, bytes]:
        """Status and JSON of the answer; BusyError."""
        if self._waiting >= WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turn, asyncio.timeout(PATIENCE):
                return await self._exchange(story)
        except TimeoutError:
            raise BusyError from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _exchange(self, story: bytes) -> tuple[int, bytes]:
        """A process that ended meanwhile, as it had nothing to do, is started again."""
        try:
            return await self._ask(story)
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            return await self._ask(story)
        except BaseException:
            await self.close()  # its answer must not be taken for that to the next story
            raise

    async def _ask(self, story: bytes) -> tuple[int, bytes]:
        if self._process is None:
            command = sys.executable, "-m", __name__
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        written, read = self._process.stdin, self._process.stdout
        assert written is not None
        assert read is not None
        written.write(b"%d\n%b" % (len(story), story))
        await written.drain()
        status, length = (await read.readuntil(b"\n")).split()
        return int(status), await read.readexactly(int(length))


def answer(story: bytes) -> tuple[int, bytes]:
    """200 and what came of it, or 422 and what is wrong with it."""
    from flaky_load_balancer import registry  # noqa: PLC0415 (only in the process that plays)
    from flaky_load_balancer.admin import playground, schemas  # noqa: PLC0415

    asked = schemas.PlayRequest.model_validate_json(story)
    try:
        strategy = registry.built_in(asked.strategy)
        steps = [playground.step(step, asked.servers) for step in asked.story]
    except registry.UnknownStrategyError as error:
        return 422, f"strategy: {error}".encode()
    except playground.WrongStoryError as error:
        return 422, str(error).encode()
    limits = playground.Limits(asked.limits[: asked.servers], asked.limiter == "token-bucket")
    played = playground.play(strategy, asked.servers, steps, asked.seed, limits)
    return 200, orjson.dumps(played, option=orjson.OPT_SERIALIZE_NUMPY)


def main() -> None:
    os.nice(NICENESS)
    # Unbuffered, so that nothing waits unseen in front of ``select``.
    with FileIO(sys.stdin.fileno()) as stories:
        while select.select([stories], [], [], IDLE)[0] and (head := _line(stories)):
            story = b""
            while len(story) < int(head) and (piece := stories.read(int(head) - len(story))):
                story += piece
            status, body = answer(story)
            sys.stdout.buffer.write(b"%d %d\n%b" % (status, len(body), body))
            sys.stdout.buffer.flush()


def _line(stories: FileIO) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := stories.read(1)):
        line += byte
    return line


if __name__ == "__main__":
    main()
