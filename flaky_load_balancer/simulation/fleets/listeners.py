"""Flaky servers as real HTTP servers: one process, a listening socket for each of them.

All ports are taken before the first is served.
"""

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from socket import socket

from flaky_load_balancer.simulation.fleets import ports
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.live import FleetAddress, LiveFleet
from flaky_load_balancer.simulation.providers.fleet import ProviderFleet
from flaky_load_balancer.simulation.scenarios import Scenario

OPEN_FILES = 65536


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
                live.append(_live(fleet, sockets, copy))
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


def _live(fleet: Fleet, sockets: Sequence[socket], copy: int) -> LiveFleet:
    """Providers where the scenario has models, else servers of the game."""
    if fleet.scenario.openai is None:
        return LiveFleet(fleet, sockets, copy=copy)
    return ProviderFleet(fleet, sockets, copy=copy)


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
