"""Rounds: some scenarios at once, everybody before a copy of the same servers, at the same time."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.parts.processes import BenchmarkError
from benchmarks.peers.contestants import Addresses, Proxy, Urls, flb, patiently
from flaky_load_balancer.config import Game
from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.harness.client import Client, Sent, Stream, request_ids


class Traffic(NamedTuple):
    """What is sent: the game's ids, or any HTTP, whose posts nobody may process twice."""

    kind: str = "ids"
    method: str = "POST"


GAME_TRAFFIC = Traffic()


class Counted(NamedTuple):
    """What the servers of one contestant received."""

    attempts: list[int]  # of each request
    refused: int  # of all attempts


START = 1.5  # seconds for everybody to settle
GAME = Game()


@dataclass
class Standing:
    """What one contestant came to on one scenario, over all fleets."""

    scores: list[float] = field(default_factory=list)
    delivered: int = 0
    attempts: int = 0
    paid: int = 0
    refused: int = 0
    latest: float = 0.0  # seconds that a request was sent late, at most
    latency: Histogram = field(default_factory=Histogram)

    def add(self, sent: Sent, counted: Counted) -> None:
        counts = counted.attempts
        paid = sum(max(0, count - GAME.free_attempts) for count in counts)
        self.refused += counted.refused
        self.scores.append(sent.delivered - GAME.penalty * paid)
        self.delivered += sent.delivered
        self.attempts += sum(counts)
        self.paid += paid
        self.latest = max(self.latest, sent.lateness.longest)
        self.latency.merge(sent.latency)


def play_round(  # noqa: PLR0917 (all of them are needed)
    scenarios: list[str],
    seed: int,
    requests: int,
    rate: float,
    peers: list[Proxy],
    ours: list[str],
    traffic: Traffic = GAME_TRAFFIC,
) -> dict[tuple[str, str], tuple[Sent, Counted]]:
    """By contestant and scenario, what the client saw and what the servers counted."""
    posts = traffic.kind == "ids"
    names = [*(peer.name for peer in peers), *ours]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        fleets, counted = stack.enter_context(_servers(scenarios, seed, len(names), rate))
        copies = {name: fleets[copy] for copy, name in enumerate(names)}
        urls = {}
        for peer in peers:
            starting = partial(peer.started, copies[peer.name], folder, posts=posts)
            urls[peer.name] = stack.enter_context(patiently(starting))
        mine = {name: copies[name] for name in ours}
        starting_ours = partial(flb, mine, folder, seed, traffic.kind)
        urls |= stack.enter_context(patiently(starting_ours))
        sent = asyncio.run(_sent(urls, request_ids(seed, requests), rate, traffic.method))
        counts = counted()
    places = [(name, scenario) for scenario in scenarios for name in names]  # as servers count
    return {place: (sent[place], count) for place, count in zip(places, counts, strict=True)}


async def _sent(
    urls: dict[str, Urls], ids: list[str], rate: float, method: str
) -> dict[tuple[str, str], Sent]:
    """Send to everybody at once, each in its own part of an interval."""
    places = [(name, scenario) for name, each in urls.items() for scenario in each]
    start, gap = time.monotonic() + START, 1 / rate / len(places)
    streams = {
        (name, scenario): Stream(urls[name][scenario], ids, start + number * gap, method=method)
        for number, (name, scenario) in enumerate(places)
    }
    async with Client.open(rate, GAME.deadline) as client:
        await client.run(list(streams.values()))
    return {place: stream.sent for place, stream in streams.items()}


@contextmanager
def _servers(scenarios: list[str], seed: int, copies: int, rate: float) -> Iterator[Any]:
    """Addresses by copy and scenario, and a function that ends the servers and gets the counts."""
    command = [sys.executable, "-m", "benchmarks.peers.servers", "--seed", str(seed)]
    command += ["--copies", str(copies), "--rate", str(rate), *scenarios]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        said = child.stdout.readline()
        if not said:
            raise BenchmarkError("the servers did not start")
        fleets: list[Addresses] = [{} for _ in range(copies)]
        for fleet in json.loads(said):
            members = [url.removeprefix("http://") for url in fleet["servers"]]
            fleets[fleet["copy"]][fleet["scenario"]] = members

        def counted() -> Any:
            said, _ = child.communicate(timeout=30)
            return [Counted(*each) for each in json.loads(said)]

        yield fleets, counted
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
