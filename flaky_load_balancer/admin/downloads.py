"""Attempts as CSV, written by ``flb export`` in a process of its own.

Millions of lines are minutes of Python, for which requests must not wait.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator

from flaky_load_balancer.records import Records

AT_ONCE = 2
PIECE = 65536  # bytes
NICENESS = 10


class Downloads:
    """At most so many at a time."""

    def __init__(self) -> None:
        self._going_on = 0

    @property
    def full(self) -> bool:
        return self._going_on >= AT_ONCE

    async def csv(self, records: Records, run: int) -> AsyncGenerator[bytes, None]:
        """A head line, then a line for every attempt; the process ends when nobody reads on."""
        flags, environment = records.flags
        command = [sys.executable, "-m", "flaky_load_balancer", "export", str(run), *flags]
        self._going_on += 1
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}
            )
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            assert process.stdout is not None
            try:
                while piece := await process.stdout.read(PIECE):
                    yield piece
                if await process.wait() != 0:
                    raise RuntimeError(f"the export of run {run} broke off")
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.communicate()  # waiting alone would not read what it has written
        finally:
            self._going_on -= 1
