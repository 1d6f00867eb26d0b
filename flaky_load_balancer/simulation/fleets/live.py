"""One copy of a fleet of flaky servers, on real ports.

Every copy is a ``Servers`` of its own, drawn from the same seed, so the copies of a race are alike
and do not disturb each other.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from http import HTTPStatus
from socket import socket
from typing import Any, NotRequired, TypedDict

import numpy as np

from flaky_load_balancer.core.types import Floats, Outcome
from flaky_load_balancer.simulation.fleets import ports
from flaky_load_balancer.simulation.fleets.connection import (
    Answer,
    Connection,
    Request,
    http,
    refusal,
)
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Fault, Response, Servers
from flaky_load_balancer.simulation.worlds.live import LiveWorld, numbered

NOT_FOUND = refusal(HTTPStatus.NOT_FOUND)
NOT_ALLOWED = refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET, POST")
STATUS = {
    Outcome.SUCCEEDED: HTTPStatus.OK,
    Outcome.FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    Outcome.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
}
SHUT = {"down", "added", "removed"}  # faults during, before and after which nobody listens
ANSWERS = [http(status, {"outcome": outcome.label}) for outcome, status in STATUS.items()]


class FleetAddress(TypedDict):
    """Where one copy of a fleet listens."""

    scenario: str
    copy: int
    servers: list[str]  # URLs, by server index
    models: NotRequired[list[dict[str, Any]]]  # of providers


class GameConnection(Connection):
    """Attempts are posted to /, or got as /?ID; GET / says how a server is."""

    def __init__(self, fleet: "LiveFleet", arm: int, connections: set[Connection]) -> None:
        super().__init__(connections)
        self._fleet, self._arm = fleet, arm

    def _do(self, request: Request) -> None:
        if request.target.partition(b"?")[0] != b"/":
            self._write(NOT_FOUND, request.keep)
        elif request.method == b"POST":
            self._attempt(request.body, request)
        elif request.method == b"GET" and b"?" in request.target:
            self._attempt(request.target.partition(b"?")[2], request)
        elif request.method == b"GET":
            self._write(http(HTTPStatus.OK, self._fleet.status(self._arm)), request.keep)
        else:
            self._write(NOT_ALLOWED, request.keep and request.method != b"HEAD")

    def _attempt(self, name: bytes, request: Request) -> None:
        self._act(self._fleet.attempt(self._arm, name, request.size), request.keep)


class LiveFleet:
    """One copy of a fleet, on sockets that are already bound."""

    def __init__(self, fleet: Fleet, sockets: Sequence[socket], *, copy: int = 0) -> None:
        self.servers = Servers(fleet)
        self.world = LiveWorld.of(fleet.scenario, fleet.seeds)
        self.copy = copy
        self.heard: Callable[[bytes], object] | None = None  # told the body of every attempt
        self.ports = [self._port(arm, sock) for arm, sock in enumerate(sockets)]
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

    def attempt(self, arm: int, body: bytes, size: float | None = None) -> Answer:
        """What a server does about an attempt that it received just now.

        One of a client that does not say its size has the size that chance gives its id.
        """
        if self.heard is not None:
            self.heard(body)
        sized = self.servers.scenario.size is not None
        response, now = self.meet(arm, self._size(body, size) if sized else None)
        if response.fault[0]:
            return Answer(b"", 0.0, Fault(response.fault[0]))
        payload = ANSWERS[response.outcome[0]]
        wait, latency = response.retry_after[0], float(response.latency[0])
        headers = f"Retry-After: {wait:.0f}\r\n" if wait > 0 else ""
        if self.world is not None and response.outcome[0] == Outcome.SUCCEEDED:
            t = now + latency - self.servers.origin.item()
            headers += self.world.headers(body, arm, t)
        if headers:
            payload = payload.replace(b"\r\n", b"\r\n" + headers.encode(), 1)
        return Answer(payload, latency)

    def meet(self, arm: int, size: Floats | None) -> tuple[Response, float]:
        """What an attempt of this ``size`` (1,) meets now, and when that is."""
        self._now[0] = now = time.monotonic()  # the loop's clock counts milliseconds
        response = self.servers.respond(self._row, self._arms[arm], self._now, size)
        if not self._begun:
            self._begun = True
            self._foresee(now)
            if self.servers.down(0.0):
                self._change(0.0)
        return response, now

    def status(self, arm: int) -> dict[str, object]:
        """What a server says about itself."""
        return {
            "scenario": self.servers.scenario.name,
            "copy": self.copy,
            "server": arm,
            "answered": int(self.servers.answered[0, arm]),
            "admitted": int(self.servers.admitted[0, arm]),
        }

    def _port(self, arm: int, sock: socket) -> ports.Port:
        connections: set[Connection] = set()
        return ports.Port(sock, partial(GameConnection, self, arm, connections), connections)

    def _size(self, body: bytes, said: float | None) -> Floats:
        """(1,) tokens."""
        if said is not None:
            return np.array([said])
        return self.servers.fleet.sizes(self._row, numbered(body))

    def _foresee(self, origin: float) -> None:
        """Plan the moments at which some server goes down or comes back."""
        loop = asyncio.get_running_loop()
        scenario = self.servers.scenario
        for change in scenario.changes if any(f.kind in SHUT for f in scenario.faults) else ():
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
