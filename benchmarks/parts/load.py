"""Load on one URL: ``wrk`` for speed (closed loop), an open-loop client for latency."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.parts.processes import BenchmarkError

SCRIPT = Path(__file__).with_name("post.lua")
ID = "0123456789abcdefghijABCD"


class Load(NamedTuple):
    requests: int
    seconds: float
    refused: int = 0  # answers with an error status
    longest: float = 0.0  # seconds until an answer

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def wrk(
    url: str,
    connections: int,
    seconds: int,
    *,
    body: str = ID,
    kind: str = "text/plain",
    flaky: bool = False,
    again: bool = False,
) -> Load:
    """As many requests as so many clients get answered, one after the other each.

    Of a ``flaky`` server it is no trouble that answers have an error status, or are late.  Clients
    that connect ``again`` do so for every request.
    """
    program = shutil.which("wrk")
    if program is None:
        raise BenchmarkError("wrk is missing: apt-get install wrk, or brew install wrk")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-H", "Connection: close"] if again else []
    command += ["-s", str(SCRIPT), url, "--", body, kind]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
    if run.returncode:
        raise BenchmarkError(f"wrk failed: {run.stdout}{run.stderr}")
    requests, duration, status, late, broken, longest = run.stdout.splitlines()[-1].split()
    if not flaky and (status, late, broken) != ("0", "0", "0"):
        trouble = f"{status} with an error status, {late} after 10 s, {broken} connections broken"
        print(f"warning: of {requests} answers of {url}: {trouble}", file=sys.stderr)
    return Load(int(requests), float(duration), int(status), float(longest))


class Flood(NamedTuple):
    """What a crowd met that came at a rate of its own."""

    rate: float  # requests a second that were sent
    delivered: float  # a second
    refused: float  # share of all
    silent: float  # share of all that got no answer
    slowest: float  # seconds until an answer


def flood(url: str, rate: float, seconds: float, *, again: bool = False) -> Flood:
    """Requests at this rate, or as near to it as one process comes, whatever is answered."""
    command = [sys.executable, "-m", "benchmarks.parts.crowd", url]
    command += ["--rate", str(rate), "--seconds", str(seconds)] + ["--new"] * again
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    if run.returncode:
        raise BenchmarkError(f"the crowd failed: {run.stderr}")
    return Flood(**json.loads(run.stdout))


async def open_loop(
    send: Callable[[], Awaitable[object]], rate: float, seconds: float
) -> list[float]:
    """Seconds from the scheduled send to the answer: a slow answer never delays the next send."""
    latencies: list[float] = []
    began = time.perf_counter()

    async def one(due: float) -> None:
        begins = min(due, time.perf_counter())  # uvloop's timers may be early, by less than 1 ms
        await send()
        latencies.append(time.perf_counter() - begins)

    async with asyncio.TaskGroup() as requests:
        for i in range(int(rate * seconds)):
            due = began + i / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            requests.create_task(one(due))
    return latencies
