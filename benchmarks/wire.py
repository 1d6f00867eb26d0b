"""The balancer, and the project's HTTP without any policy, beside uvicorn and HAProxy.

    .venv/bin/python -m benchmarks.wire --quick

Processor time of a small request, large bodies both ways, a stream's delay, idle clients.  What is
measured has a core of its own; load and servers share another one.
"""

import argparse
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from benchmarks.data_plane import ANY_HTTP, flb, haproxy, relay
from benchmarks.parts.processes import (
    BenchmarkError,
    always_ok,
    bodies,
    cpu_time,
    measuring,
    memory,
)

OURS, ASGI, HAPROXY = "own server and client", "uvicorn + own client", "HAProxy"
BLOCK = bytes(1 << 18)


class Plan(NamedTuple):
    """How long to look."""

    rounds: int
    seconds: int  # of small requests, each time
    size: int  # bytes of a large body
    idle: int  # clients that keep a connection and ask nothing


FULL = Plan(rounds=5, seconds=2, size=1 << 30, idle=10_000)
QUICK = Plan(rounds=2, seconds=1, size=1 << 28, idle=2_000)


def small(plan: Plan) -> None:
    """Microseconds of processor time for one small GET at 16 connections."""
    with always_ok(10) as servers, ExitStack() as stack:
        peers = {
            ANY_HTTP: stack.enter_context(flb(servers, "http")),
            OURS: stack.enter_context(relay(servers)),
            ASGI: stack.enter_context(relay(servers, "--asgi")),
        }
        if shutil.which("haproxy"):
            peers[HAPROXY] = stack.enter_context(haproxy(servers))
        costs: dict[str, list[float]] = {name: [] for name in peers}
        for url, _ in peers.values():
            _gets(url, 1)
        for _ in range(plan.rounds):
            for name, (url, pid) in peers.items():
                before = cpu_time(pid)
                count = _gets(url, plan.seconds)
                costs[name].append(1e6 * (cpu_time(pid) - before) / count)
    found = {name: median(each) for name, each in costs.items()}
    for name, cost in found.items():
        print(f"small GET  {name:<24}{cost:>8.0f} us of CPU{cost / found[ASGI]:>8.2f} of uvicorn")


def _gets(url: str, seconds: int) -> int:
    """How many requests were answered."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchmarkError("wrk is missing: apt-get install wrk, or brew install wrk")
    command = [program, "-t1", "-c16", f"-d{seconds}s", url]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    if "Non-2xx" in run.stdout:
        raise BenchmarkError(run.stdout)
    (line,) = [line for line in run.stdout.splitlines() if "requests in" in line]
    return int(line.split()[0])


def _connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    client = socket.create_connection((host, int(port)), timeout=60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def download(url: str, size: int) -> None:
    room = memoryview(bytearray(1 << 18))
    with _connect(url) as client:
        client.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % size)
        left = size
        while got := client.recv_into(room):
            left -= got
    if left > 0:
        raise BenchmarkError(f"{left} bytes of {size} are missing")


def upload(url: str, size: int) -> None:
    with _connect(url) as client:
        client.sendall(b"PUT /0 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(BLOCK)):
            client.sendall(BLOCK)
        if not client.recv(65536).startswith(b"HTTP/1.1 200"):
            raise BenchmarkError("an upload was not answered with 200")


def large(plan: Plan) -> None:
    """Rates of a large body each way, and what the process grows by meanwhile."""
    with bodies() as server, ExitStack() as stack:
        peers = {
            ANY_HTTP: stack.enter_context(flb([server], "http")),
            OURS: stack.enter_context(relay([server])),
        }
        if shutil.which("haproxy"):
            peers[HAPROXY] = stack.enter_context(haproxy([server]))
        for way in (download, upload):
            rates: dict[str, list[float]] = {name: [] for name in peers}
            costs: dict[str, list[float]] = {name: [] for name in peers}
            for url, _ in peers.values():
                way(url, 1 << 24)
            sizes = {name: memory(pid) for name, (_, pid) in peers.items()}
            for _ in range(max(1, plan.rounds // 2)):
                for name, (url, pid) in peers.items():
                    began, before = time.perf_counter(), cpu_time(pid)
                    way(url, plan.size)
                    rates[name].append(plan.size / (time.perf_counter() - began))
                    costs[name].append((cpu_time(pid) - before) / plan.size)
            for name, (_, pid) in peers.items():
                grown = memory(pid) - sizes[name]
                rate, cost = median(rates[name]), median(costs[name])
                ratio = rate / median(rates[HAPROXY if HAPROXY in peers else OURS])
                work = cost / median(costs[HAPROXY if HAPROXY in peers else OURS])
                line = f"{way.__name__:<11}{name:<24}{rate / 1e6:>8,.0f} MB/s{ratio:>8.2f}"
                print(f"{line} of HAProxy's rate, {work:.2f} of its CPU, {grown:+.1f} MB")


def stream() -> None:
    """How much later a chunk arrives through the relay."""
    with bodies() as server, flb([server], "http") as (ours, _), relay([server]) as (url, _):
        direct, through, least = _delay(server), _delay(ours), _delay(url)
    later, at_least = 1000 * (through - direct), 1000 * (least - direct)
    print(f"stream     {ANY_HTTP}: a chunk arrives {later:.2f} ms later (goal: below 1)")
    print(f"stream     {OURS}: {at_least:.2f} ms later")


def _delay(url: str, count: int = 1000) -> float:
    """Median seconds from sending a chunk to its arrival."""
    found: list[float] = []
    with _connect(url) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        while len(found) < count:
            data = client.recv(65536)
            now = time.monotonic_ns()
            for line in data.split(b"\r\n"):
                if len(line) == 19 and line.isdigit():
                    found.append((now - int(line)) / 1e9)
    return median(found)


def idle(plan: Plan) -> None:
    """Memory of a client that keeps its connection."""
    with always_ok(1) as servers, flb(servers, "http") as (url, pid), ExitStack() as stack:
        _gets(url, 1)
        size = memory(pid)
        for _ in range(plan.idle):
            client = stack.enter_context(_connect(url))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(4096)
        each = (memory(pid) - size) * 1e3 / plan.idle
    print(f"idle       {ANY_HTTP}: {plan.idle} clients cost {each:.1f} kB each (goal: below 30)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the time, and rougher")
    plan = QUICK if parser.parse_args().quick else FULL
    with measuring():
        small(plan)
        large(plan)
        stream()
        idle(plan)


if __name__ == "__main__":
    main()
