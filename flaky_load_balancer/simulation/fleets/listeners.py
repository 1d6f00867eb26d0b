"""Flaky servers as real HTTP servers: one process, a listening socket for each of them.

Every copy of a fleet is a ``Servers`` of its own, drawn from the same seed, so the copies of a
race are alike and do not disturb each other.  All ports are taken before the first is served.
"""

import asyncio
import resource
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from socket import socket
from typing import Any, TypedDict

import numpy as np

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation.fleets import ports
from flaky_load_balancer.simulation.fleets.connection import Answer, Handlers, http
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Fault, Servers
from flaky_load_balancer.simulation.scenarios import Scenario

OPEN_FILES = 65536
STATUS = {
    Outcome.SUCCEEDED: HTTPStatus.OK,
    Outcome.FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    Outcome.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
}
ANSWERS = [http(status, {"outcome": outcome.label}) for outcome, status in STATUS.items()]


class FleetAddress(TypedDict):
    """Where one copy of a fleet listens."""

    scenario: str
    copy: int
    servers: list[str]  # URLs, by server index


class LiveFleet:
    """One copy of a fleet, on sockets that are already bound."""

    def __init__(self, fleet: Fleet, sockets: Sequence[socket], *, copy: int = 0) -> None:
        self.servers = Servers(fleet)
        self.copy = copy
        self.heard: Callable[[bytes], object] | None = None  # told the body of every attempt
        self.ports = [
            ports.Port(sock, Handlers(partial(self.attempt, arm), partial(self.status, arm), set()))
            for arm, sock in enumerate(sockets)
        ]
        self._row = np.zeros(1, dtype=np.intp)
        self._arms = [np.array([arm], dtype=np.intp) for arm in range(len(sockets))]
        self._now = np.zeros(1)
        self._begun = False  # t = 0 has passed
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> FleetAddress:
        urls = [port.url for port in self.ports]
        return {"scenario": self.servers.scenario.name, "copy": self.copy, "servers": urls}

    async def start(self) -> None:
        for port in self.ports:
            await port.open()

    def restart(self) -> None:
        """Begin anew: the same fleet, before its t = 0."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.servers = Servers(self.servers.fleet)
        self._begun = False
        for port in self.ports:
            self._do(port.open())

    def close(self) -> None:
        """Stop at once: nobody listens, every connection is cut."""
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        for port in self.ports:
            port.close()

    def attempt(self, arm: int, body: bytes) -> Answer:
        """What a server does about an attempt that it received just now."""
        if self.heard is not None:
            self.heard(body)
        self._now[0] = now = time.monotonic()  # the loop's clock counts milliseconds
        response = self.servers.respond(self._row, self._arms[arm], self._now)
        if not self._begun:
            self._begun = True
            self._foresee(now)
        if response.fault[0]:
            return Answer(b"", 0.0, Fault(response.fault[0]))
        payload = ANSWERS[response.outcome[0]]
        wait = response.retry_after[0]
        if wait > 0:
            header = f"\r\nRetry-After: {wait:.0f}\r\n"
            payload = payload.replace(b"\r\n", header.encode(), 1)
        return Answer(payload, float(response.latency[0]))

    def status(self, arm: int) -> dict[str, object]:
        """What a server says about itself."""
        return {
            "scenario": self.servers.scenario.name,
            "copy": self.copy,
            "server": arm,
            "answered": int(self.servers.answered[0, arm]),
            "admitted": int(self.servers.admitted[0, arm]),
        }

    def _foresee(self, origin: float) -> None:
        """Plan the moments at which some server goes down or comes back."""
        loop = asyncio.get_running_loop()
        scenario = self.servers.scenario
        for change in scenario.changes if any(f.kind == "down" for f in scenario.faults) else ():
            if np.isfinite(change):
                delay = max(0.0, origin + change - time.monotonic())
                self._timers.append(loop.call_later(delay, self._change, change))

    def _change(self, t: float) -> None:
        down = self.servers.down(t)
        for arm, port in enumerate(self.ports):
            self._do(port.shut() if arm in down else port.open())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def listening(
    scenarios: Sequence[Scenario],
    *,
    seed: int = 0,
    copies: int = 1,
    rate: float = 10.0,
    free_ports: bool = False,
    host: str = "127.0.0.1",
) -> AsyncIterator[list[LiveFleet]]:
    """Serve every copy of every scenario's fleet, by scenario and copy, until the block ends.

    Copy k listens k x servers above the scenario's port, or wherever there is room if it has none
    or ``free_ports``.  Raises ``PortError`` or ``ScenarioError`` before anything is served.
    """
    drawn = [Fleet.draw(scenario, seed, rate=rate) for scenario in scenarios]
    _allow_open_files()
    live: list[LiveFleet] = []
    try:
        for fleet in drawn:
            for copy in range(copies):
                sockets = _take(fleet.scenario, copy, free_ports, host)
                live.append(LiveFleet(fleet, sockets, copy=copy))
        for each in live:
            await each.start()
        yield live
    finally:
        for each in live:
            each.close()
        await asyncio.sleep(0)  # the loop lets go of its sockets in the next round


async def serve_fleets(
    scenarios: Sequence[Scenario],
    *,
    until: Awaitable[object],
    ready: Callable[[list[FleetAddress]], None],
    seed: int = 0,
    copies: int = 1,
    rate: float = 10.0,
    free_ports: bool = False,
    host: str = "127.0.0.1",
) -> None:
    """Serve fleets ``until`` something; ``ready`` is told the addresses once all are served.

    On SIGHUP every fleet begins anew, on the same ports, and ``ready`` is told once more.
    """
    async with listening(
        scenarios, seed=seed, copies=copies, rate=rate, free_ports=free_ports, host=host
    ) as fleets:

        def tell() -> None:
            ready([fleet.address for fleet in fleets])

        def restart() -> None:
            for fleet in fleets:
                fleet.restart()
            tell()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, restart)
        try:
            tell()
            await until
        finally:
            loop.remove_signal_handler(signal.SIGHUP)


def _take(scenario: Scenario, copy: int, free_ports: bool, host: str) -> list[socket]:
    owner = scenario.name if copy == 0 else f"{scenario.name}, copy {copy}"
    if free_ports or scenario.port is None:
        return ports.take(host, [0] * scenario.servers, owner)
    first = scenario.port + copy * scenario.servers
    return ports.take(host, range(first, first + scenario.servers), owner)


def _allow_open_files() -> None:
    """Many fleets with many connections need more open files than most systems give at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
