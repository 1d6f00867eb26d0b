"""The LLM gateway beside LiteLLM's proxy and a plain pass-through, before the same model.

    .venv/bin/python -m benchmarks.llm_gateway --quick --litellm .litellm/bin/litellm

Requests a second at 16 connections and processor time of one, streamed and not, in turns; what the
gateway adds to a request's latency; memory over many requests, and with many streams at once.
What is measured has a core of its own.  LiteLLM wants an environment of its own, as it pins what it
needs; where it is missing it is skipped.
"""

import argparse
import asyncio
import json
import time
from contextlib import closing
from itertools import cycle
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from benchmarks.parts.gateways import LITELLM, OURS, PATH, PEER, contestants, flb, model
from benchmarks.parts.load import open_loop, wrk
from benchmarks.parts.processes import BenchmarkError, cpu_time, measuring, memory, waited
from flaky_load_balancer.proxy import http1

ASKED = {"model": "auto", "messages": [{"role": "user", "content": "Say it 20 times."}]}
WHOLE = json.dumps(ASKED)
STREAMED = json.dumps({**ASKED, "stream": True})
JSON = "application/json"
CONNECTIONS = 16
RATE = 200.0  # requests a second of the open loop
PAUSE = 1.0  # seconds between the chunks of each of many streams
LAST = b"[DONE]"
KINDS = {"whole": WHOLE, "streamed": STREAMED}


class Plan(NamedTuple):
    """How long to look."""

    rounds: int
    seconds: int  # each time
    open_loop: int  # seconds
    requests: int  # over which memory is to be flat
    streams: int  # at once


FULL = Plan(rounds=4, seconds=5, open_loop=20, requests=100_000, streams=2_000)
QUICK = Plan(rounds=1, seconds=3, open_loop=5, requests=10_000, streams=500)


def ask(url: str, seconds: int, body: str) -> tuple[int, float]:
    """How many were answered, and how many in a second."""
    load = wrk(url + PATH, CONNECTIONS, seconds, body=body, kind=JSON)
    return load.requests, load.rate


def rest(pid: int) -> None:
    """Until a gateway is done with what nobody waits for any more: the next has the same core."""
    for _ in range(50):
        before = cpu_time(pid)
        time.sleep(0.2)
        if cpu_time(pid) - before < 0.02:
            return


def speed(found: dict[str, tuple[str, int]], plan: Plan) -> None:
    """Of ours to each of the others, in the same run."""
    for kind, body in KINDS.items():
        costs: dict[str, list[float]] = {name: [] for name in found}
        rates: dict[str, list[float]] = {name: [] for name in found}
        for url, pid in found.values():
            ask(url, 2, body)
            rest(pid)
        for _ in range(plan.rounds):
            for name, (url, pid) in found.items():
                before = cpu_time(pid)
                count, rate = ask(url, plan.seconds, body)
                costs[name].append(1e6 * (cpu_time(pid) - before) / max(1, count))
                rates[name].append(rate)
                rest(pid)
        rate, cost = median(rates[OURS]), median(costs[OURS])
        for name, (_, pid) in found.items():
            goal = {PEER: " (goal: 6)", LITELLM: " (goal: 40)"}.get(name, "")
            print(
                f"{kind:<9} {name:<17}{median(rates[name]):>7.0f}/s, ours x "
                f"{rate / median(rates[name]):.1f}{goal}; {median(costs[name]):.0f} us of CPU, "
                f"ours x {median(costs[name]) / cost:.1f}; {memory(pid):.0f} MB",
                flush=True,
            )


class Asking:
    """Asks servers with the project's own client."""

    def __init__(self, client: http1.Client, servers: list[str]) -> None:
        self._upstreams = [client.upstream(server) for server in servers]
        self._headers = [
            [(b"Host", server[7:].encode()), (b"Content-Type", JSON.encode())] for server in servers
        ]

    async def __call__(self, server: int, body: str, begun: asyncio.Event | None = None) -> bytes:
        """The end of the answer; ``begun`` is set once something of it came."""
        connection = await self._upstreams[server].connect(60.0)
        end = b""
        try:
            connection.send(b"POST", PATH.encode(), self._headers[server], body=body.encode())
            answer = await connection.answer()
            while piece := await connection.body.read():
                end = (end + piece)[-64:]
                if begun is not None:
                    begun.set()
        finally:
            connection.release()
        return end if answer.status == 200 else b""


def latency(server: str, ours: tuple[str, int], plan: Plan) -> None:
    """What ours adds, open loop: every other request goes to the model itself."""
    url, pid = ours

    async def measure(body: str) -> tuple[list[float], list[float]]:
        took: tuple[list[float], list[float]] = [], []
        turns = cycle((0, 1))

        async def one(asking: Asking) -> None:
            place = next(turns)
            began = time.perf_counter()
            if not await asking(place, body):
                raise BenchmarkError("refused: the machine is too busy to measure latencies")
            took[place].append(1000 * (time.perf_counter() - began))

        with closing(http1.Client()) as client:
            asking = Asking(client, [server, url])
            await open_loop(lambda: one(asking), 2 * RATE, 2)
            for each in took:
                each.clear()
            await open_loop(lambda: one(asking), 2 * RATE, plan.open_loop)
        return took

    for kind, body in KINDS.items():
        before = waited(pid)
        try:
            direct, through = (quantiles(each, n=100) for each in uvloop.run(measure(body)))
        except* BenchmarkError as errors:
            print(f"{kind:<9} {errors.exceptions[0]}")
        else:
            core = 1000 * (waited(pid) - before) / (RATE * (plan.open_loop + 2))
            middle, p99 = (through[at] - direct[at] for at in (49, 98))
            print(
                f"{kind:<9} at {RATE:.0f} requests a second ours adds {middle:.2f} ms to the "
                f"median of {direct[49]:.2f} (goal: below 1), {p99:.2f} ms to the p99 of "
                f"{direct[98]:.2f} (goal: below 5); of each it waits {core:.2f} ms for a core "
                "that others use",
                flush=True,
            )


def flat(server: str, plan: Plan) -> None:
    """Megabytes after a tenth of the requests, and after all, whole and streamed by turns."""
    with TemporaryDirectory() as folder, flb(OURS, server, "--data-dir", folder) as (url, pid):
        sizes: dict[int, float] = {}
        done = 0
        while done < 1.1 * plan.requests:
            for body in KINDS.values():
                done += ask(url, 1, body)[0]
            if done >= plan.requests / 10:
                sizes[done] = memory(pid)
    first, last = min(sizes), max(sizes)
    middle = min(sizes, key=lambda at: abs(at - (first + last) / 2))
    print(
        f"memory    {sizes[first]:.0f} MB after {first} requests, {sizes[middle]:.0f} MB after "
        f"{middle}, {sizes[last]:.0f} MB after {last} (goal: flat)"
    )


def many_streams(plan: Plan) -> None:
    """Megabytes with so many streams at once, each with a chunk a second."""

    async def measure(url: str, pid: int) -> tuple[int, float]:
        begun = [asyncio.Event() for _ in range(plan.streams)]
        most = 0.0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, memory(pid))
                await asyncio.sleep(0.2)

        with closing(http1.Client()) as client:
            asking = Asking(client, [url])
            watching = asyncio.create_task(watch())
            asked = [asyncio.create_task(asking(0, STREAMED, event)) for event in begun]
            await asyncio.gather(*(event.wait() for event in begun))
            at_once = sum(not task.done() for task in asked)
            ends = await asyncio.gather(*asked)
            watching.cancel()
        assert all(LAST in end for end in ends)
        return at_once, most

    room = ["--max-in-flight", str(2 * plan.streams), "--no-records"]
    with model(PAUSE) as server, flb(OURS, server, *room) as (url, pid):
        before = memory(pid)
        at_once, most = uvloop.run(measure(url, pid))
    print(f"streams   {at_once} at once: {before:.0f} MB before, {most:.0f} MB (goal: below 400)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less time, less exact")
    parser.add_argument("--litellm", default="litellm", help="the program of LiteLLM's proxy")
    wanted = parser.parse_args()
    plan = QUICK if wanted.quick else FULL
    with measuring():
        with contestants(wanted.litellm) as (server, found):
            speed(found, plan)
            latency(server, found[OURS], plan)
            flat(server, plan)
        many_streams(plan)


if __name__ == "__main__":
    main()
