"""Answers per second of the flaky servers, beside a server that only ever says 200.

    .venv/bin/python -m benchmarks.servers --quick

What is measured has one core to itself; the load comes from another one: ``wrk`` where it is
installed, else a client of our own, which is slower than the servers it measures.
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import uvloop

from benchmarks.parts.load import wrk
from benchmarks.parts.processes import (
    HOST,
    MEASURED,
    BenchmarkError,
    cpu_time,
    free_ports,
    measuring,
    running,
)

SCENARIOS = "T1", "T2", "T3", "T2-tight", "outage"
PLAIN = "always 200"
CONNECTIONS = 64
GOAL = 10_000  # answers per second
REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n0123456789abcdefghijABCD"


@contextmanager
def serving(name: str) -> Iterator[tuple[str, int]]:
    """One server of a scenario, or the plain one; its URL and the pid of its process."""
    if name == PLAIN:
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "benchmarks.parts.always_ok", str(port)]
    else:
        port = _neighbours()
        command = [sys.executable, "-m", "benchmarks.parts.flaky", name, str(port)]
    with running(command, port, MEASURED) as pid:
        yield f"http://{HOST}:{port}/", pid


class Speed(NamedTuple):
    """Both are medians of some rounds."""

    wall: float  # answers per second
    cpu: float  # answers per second of processor time: what an idle machine would give


def measured(name: str, rounds: int, seconds: int) -> Speed:
    found: list[Speed] = []
    with serving(name) as (url, pid):
        answers(url, CONNECTIONS, 1)
        for _ in range(rounds):
            before, began = cpu_time(pid), time.perf_counter()
            rate = answers(url, CONNECTIONS, seconds)
            count = rate * (time.perf_counter() - began)
            found.append(Speed(rate, count / (cpu_time(pid) - before)))
    return Speed(*(statistics.median(each) for each in zip(*found, strict=True)))


def answers(url: str, connections: int, seconds: int) -> float:
    """Answers per second, whatever they say, to as many requests as get answered."""
    if shutil.which("wrk") is None:
        return uvloop.run(_closed_loop(url, connections, seconds))
    return wrk(url, connections, seconds, flaky=True).rate


async def _closed_loop(url: str, connections: int, seconds: int) -> float:
    end = time.perf_counter() + seconds
    host, port = url.removeprefix("http://").rstrip("/").split(":")

    async def one() -> int:
        count = 0
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < end:
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*(one() for _ in range(connections)))) / seconds


def _neighbours(count: int = 10) -> int:
    """The first of so many free ports in a row, below those that the system hands out."""
    for first in range(20_000, 32_000, count):
        with suppress(OSError), ExitStack() as opened:
            for port in range(first, first + count):
                opened.enter_context(socket.create_server((HOST, port)))
            return first
    raise BenchmarkError(f"no {count} free ports in a row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of a second")
    rounds, seconds = (1, 1) if parser.parse_args().quick else (3, 3)
    with measuring():
        print(f"one core answers, per second (goal: {GOAL:,}):")
        print(f"{'scenario':<12}{'wall':>10}{'cpu':>10}{f'cpu x {PLAIN}':>20}")
        plain: Speed | None = None
        for name in (PLAIN, *SCENARIOS):
            speed = measured(name, rounds, seconds)
            plain = plain or speed
            ratio = speed.cpu / plain.cpu
            print(f"{name:<12}{speed.wall:>10,.0f}{speed.cpu:>10,.0f}{ratio:>20.2f}", flush=True)


if __name__ == "__main__":
    main()
