"""The data plane in front of servers that always succeed, beside its peers.

    .venv/bin/python -m benchmarks.data_plane --quick

Each balancer runs on a core of its own; ``wrk`` and the servers share another one.  Then our
own alone: does it keep its speed and its size over a quarter of a million requests, and what
does it add to the latency of a request?
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import uvloop

from benchmarks.http_clients import with_own
from benchmarks.parts.load import open_loop, wrk
from benchmarks.parts.processes import (
    HOST,
    MEASURED,
    always_ok,
    cpu_time,
    free_ports,
    measuring,
    memory,
    running,
)

SERVERS = 10
OURS, ANY_HTTP = "flb ids (v4)", "flb http (v4)"
SKELETON = "uvicorn + own client"  # passes requests on and decides nothing
PLAIN, AIOHTTP = "FastAPI + httpx", "FastAPI + aiohttp"
HAPROXY, DIRECT = "HAProxy", "no balancer"


Peer = Callable[[list[str]], AbstractContextManager[tuple[str, int]]]


class Plan(NamedTuple):
    """How long to look."""

    rounds: int
    open_loops: int
    seconds: int  # each time
    requests: int  # of the endurance run


FULL = Plan(rounds=2, open_loops=3, seconds=3, requests=250_000)
QUICK = Plan(rounds=1, open_loops=1, seconds=2, requests=25_000)
LONGEST_ENDURANCE = 180  # seconds


@contextmanager
def flb(servers: list[str], kind: str = "ids", *flags: str) -> Iterator[tuple[str, int]]:
    """Our balancer; its URL and pid."""
    port, admin = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("flb")), "serve", "--strategy", "v4"]
        command += ["--kind", kind]
        command += [word for server in servers for word in ("--server", server)]
        command += ["--port", str(port), "--admin-port", str(admin), "--data-dir", folder, *flags]
        with running(command, port, MEASURED) as pid:
            yield f"http://{HOST}:{port}/", pid


@contextmanager
def passthrough(servers: list[str], *flags: str) -> Iterator[tuple[str, int]]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.parts.passthrough", "--port", str(port), *flags]
    command += [word for server in servers for word in ("--server", server)]
    with running(command, port, MEASURED) as pid:
        yield f"http://{HOST}:{port}/", pid


@contextmanager
def relay(servers: list[str], *flags: str) -> Iterator[tuple[str, int]]:
    """The project's own HTTP without any policy, or (``--asgi``) an app on uvicorn; URL and pid."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.parts.relay", "--port", str(port), *flags]
    command += [word for server in servers for word in ("--server", server)]
    with running(command, port, MEASURED) as pid:
        yield f"http://{HOST}:{port}/", pid


@contextmanager
def haproxy(servers: list[str]) -> Iterator[tuple[str, int]]:
    (port,) = free_ports(1)
    lines = ["global", "  nbthread 1", "defaults", "  mode http", "  http-reuse always"]
    lines += [f"  timeout {what} 10s" for what in ("connect", "client", "server")]
    lines += ["listen all", f"  bind {HOST}:{port}", "  balance roundrobin"]
    lines += [f"  server s{i} {server[7:]}" for i, server in enumerate(servers)]
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
        config.write("\n".join(lines) + "\n")
        config.flush()
        with running(["haproxy", "-db", "-f", config.name], port, MEASURED) as pid:
            yield f"http://{HOST}:{port}/", pid


def speed(servers: list[str], plan: Plan) -> None:
    """Requests a second of each, in turn, at 1, 16 and 64 connections."""
    with ExitStack() as stack:
        peers: dict[str, Peer] = {
            OURS: flb,
            ANY_HTTP: partial(flb, kind="http"),
            SKELETON: lambda servers: relay(servers, "--asgi"),
            PLAIN: passthrough,
            AIOHTTP: lambda servers: passthrough(servers, "--aiohttp"),
        }
        if shutil.which("haproxy"):
            peers[HAPROXY] = haproxy
        else:
            print("HAProxy is skipped: it is not installed (apt-get install haproxy)\n")
        balancers = {name: stack.enter_context(peer(servers)) for name, peer in peers.items()}
        for url, _ in balancers.values():
            wrk(url, connections=16, seconds=1)
        head = f"{'connections':>11}  {'':<22}{'requests/s':>12}{'ratio':>8}"
        print(f"{head}{'CPU us each':>14}{'ratio':>8}{'of uvicorn':>12}")
        for connections in (1, 16, 64):
            found = _in_turn(balancers, connections, plan)
            plain, bare = found[PLAIN], found[SKELETON]
            for name, (rate, cost) in found.items():
                line = f"{connections:>11}  {name:<22}{rate:>12,.0f}{rate / plain[0]:>8.2f}"
                times = f"{plain[1] / cost:>8.2f}{cost / bare[1]:>12.2f}"
                print(f"{line}{cost:>14,.0f}{times}")
            ceiling = wrk(servers[0], connections, plan.seconds).rate
            print(f"{connections:>11}  {DIRECT:<22}{ceiling:>12,.0f}\n", flush=True)


def _in_turn(
    balancers: dict[str, tuple[str, int]], connections: int, plan: Plan
) -> dict[str, tuple[float, float]]:
    """Requests a second, and microseconds of CPU time for each, of each balancer."""
    rates: dict[str, list[float]] = {name: [] for name in balancers}
    costs: dict[str, list[float]] = {name: [] for name in balancers}
    for _ in range(plan.rounds):
        for name, (url, pid) in balancers.items():
            before = cpu_time(pid)
            load = wrk(url, connections, plan.seconds)
            rates[name].append(load.rate)
            costs[name].append(1e6 * (cpu_time(pid) - before) / load.requests)
    return {name: (median(rates[name]), median(costs[name])) for name in balancers}


def endurance(servers: list[str], requests: int) -> None:
    """Speed after 0.8 of the requests against the start; growth after 0.2 of them."""
    early, late = requests // 5, requests * 4 // 5
    done, seconds, size = 0, 0.0, 0.0
    first: list[float] = []
    last: list[float] = []
    with flb(servers) as (url, pid):
        while done < requests:
            if seconds > LONGEST_ENDURANCE:
                print(f"too slow for the endurance run: {done:,} requests in {seconds:.0f} s")
                return
            load = wrk(url, connections=16, seconds=1)
            if done >= late:
                last.append(load.rate)
            done, seconds = done + load.requests, seconds + load.seconds
            if done <= early or not first:
                first.append(load.rate)
            size = size or (memory(pid) if done >= early else 0.0)
        growth = memory(pid) - size
    kept = median(last or [load.rate]) / median(first)
    print(f"speed after {late:,} requests: {kept:.2f} of the start (goal: at least 0.90)")
    print(f"memory from request {early:,} to {done:,}: {growth:+.1f} MB (goal: below 20)")


def latency(servers: list[str], plan: Plan, rate: float = 500.0) -> None:
    """What a balancer adds to a request's latency, open loop."""
    with ExitStack() as stack:
        urls = {DIRECT: servers[0], OURS: stack.enter_context(flb(servers))[0]}
        if shutil.which("haproxy"):
            urls[HAPROXY] = stack.enter_context(haproxy(servers))[0]
        found: dict[str, list[float]] = {name: [] for name in urls}
        for _ in range(plan.open_loops):
            for name, url in urls.items():
                found[name].append(_p99(url, rate, plan.seconds))
    p99 = {name: median(each) for name, each in found.items()}
    direct = p99.pop(DIRECT)
    print(f"p99 at {rate:.0f} requests a second, open loop: {direct:.2f} ms with no balancer;")
    for name, value in p99.items():
        print(f"  {name} adds {value - direct:.2f} ms (goal: below 5)")


def _p99(url: str, rate: float, seconds: int) -> float:
    """Milliseconds."""

    async def measure() -> list[float]:
        async with with_own([url]) as (post, _):
            await open_loop(lambda: post(0), rate, 1)
            return await open_loop(lambda: post(0), rate, seconds)

    return 1000 * quantiles(uvloop.run(measure()), n=100)[98]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the time, and rougher")
    plan = QUICK if parser.parse_args().quick else FULL
    with measuring(), always_ok(SERVERS) as servers:
        speed(servers, plan)
        endurance(servers, plan.requests)
        latency(servers, plan)


if __name__ == "__main__":
    main()
