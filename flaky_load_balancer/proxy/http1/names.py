"""Addresses of names: one look-up at a time per name, remembered briefly.

The system's resolver blocks for as long as a name server is slow.  Each look-up has a thread of
its own, which the end of the process does not wait for; look-ups of other names never queue
behind it.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Address = tuple[int, tuple[Any, ...]]  # family and what connect() takes
Resolve = Callable[[str, int], list[Address]]

FRESH = 10.0  # seconds that addresses are used without asking again
STALE = 300.0  # seconds that they are used while the answer to a new question is out
FAILED = 1.0  # seconds until a name that did not resolve is asked for again


def resolve(host: str, port: int) -> list[Address]:
    """What the system says; OSError or UnicodeError if it says nothing."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def literal(host: str, port: int) -> list[Address] | None:
    """The address that is written in digits, which needs no look-up."""
    try:
        version = ipaddress.ip_address(host.partition("%")[0]).version
    except ValueError:
        return None
    if "%" in host:
        return resolve(host, port)
    if version == 6:
        return [(socket.AF_INET6, (host, port, 0, 0))]
    return [(socket.AF_INET, (host, port))]


@dataclass(slots=True)
class _Known:
    addresses: list[Address]
    error: Exception | None
    time: float


class Names:
    """Looks names up for one event loop."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._known: dict[tuple[str, int], _Known] = {}
        self._asking: dict[tuple[str, int], asyncio.Future[_Known]] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """At least one; OSError or UnicodeError if the name does not resolve."""
        now = asyncio.get_running_loop().time()
        known = self._known.get((host, port))
        if known is None or now > known.time + (FRESH if known.addresses else FAILED):
            asked = self._ask(host, port)
            if known is None or not known.addresses or now > known.time + STALE:
                known = await asyncio.shield(asked)
        if known.error is not None:
            raise known.error
        return known.addresses

    def _ask(self, host: str, port: int) -> "asyncio.Future[_Known]":
        key = host, port
        if key not in self._asking:
            loop = asyncio.get_running_loop()
            future = self._asking[key] = loop.create_future()
            threading.Thread(
                target=self._look_up, args=(key, future, loop), name=f"resolve {host}", daemon=True
            ).start()
        return self._asking[key]

    def _look_up(
        self,
        key: tuple[str, int],
        future: "asyncio.Future[_Known]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """In a thread."""
        addresses: list[Address] = []
        error: Exception | None = None
        try:
            addresses = self._resolve(*key)
        except (OSError, UnicodeError) as failed:
            error = failed
        try:
            loop.call_soon_threadsafe(self._answer, key, future, addresses, error)
        except RuntimeError:
            return  # the event loop has ended meanwhile

    def _answer(
        self,
        key: tuple[str, int],
        future: "asyncio.Future[_Known]",
        addresses: list[Address],
        error: Exception | None,
    ) -> None:
        if not addresses and error is None:
            error = OSError(f"no address of {key[0]}")
        known = _Known(addresses, error, asyncio.get_running_loop().time())
        self._known[key] = known
        self._asking.pop(key, None)
        if not future.done():
            future.set_result(known)
