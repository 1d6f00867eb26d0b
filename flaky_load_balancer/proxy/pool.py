"""The servers of a pool as they are now: who may be sent to, and what ails them."""

import logging
import ssl
import time
from collections.abc import Sequence
from math import inf
from random import random
from typing import ClassVar, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from flaky_load_balancer.config import PoolSettings, ServerSettings, Tls
from flaky_load_balancer.core.types import Bools
from flaky_load_balancer.proxy.counts import Count, Counts, OwnCounts
from flaky_load_balancer.proxy.http1 import Client, Headers, Upstream, tls_context

SLOW_START = 10.0  # seconds in which the share of a server that comes back grows
LEAST_SHARE = 0.1
DECISIVE = frozenset({"drained", "down", "out", "back_since", "most"})  # of a server's state
QUIET = 10.0  # seconds between two lines of the log about one server's trouble
IN_A_ROW = 3  # failures by status that are trouble: single ones are what retries are for
log = logging.getLogger(__name__)


class Server:
    """One server: how it is reached, and how it is.

    It is shared by all routes of its pool; an attempt ``enter``s and ``leave``s it.
    """

    changes: ClassVar = 0  # of any server, in what ``available`` goes by

    def __init__(
        self,
        pool: str,
        settings: ServerSettings,
        upstream: Upstream,
        flying: Count,
        *,
        meant_to_fail: bool = False,
    ) -> None:
        self.pool = pool
        self.name = settings.identity
        self.mark = self.name.encode("ascii", "backslashreplace")  # as a header's value
        self.flying = flying
        self.drained = False
        self.down: str | None = None  # why, as its health check says
        self.out: str | None = None  # why it is left out until settings are read again
        self.back_since = -SLOW_START  # when it last came back, on the clock of ``time.monotonic``
        self.trouble = Trouble(pool, self.name, meant_to_fail=meant_to_fail)
        self.reach(settings, upstream)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in DECISIVE:
            Server.changes += 1

    def reach(self, settings: ServerSettings, upstream: Upstream) -> None:
        """From now on it is at this address."""
        self.settings = settings
        self.upstream = upstream
        parts = urlsplit(settings.url)
        self.base = parts.path.encode()
        self.host = parts.netloc.encode()
        self.headers: Headers = [(n.encode(), value.encode()) for n, value in settings.headers]
        self.most = inf if settings.max_in_flight is None else settings.max_in_flight

    @property
    def in_flight(self) -> int:
        """Attempts, of all processes that send to it."""
        return self.flying.total

    @property
    def full(self) -> bool:
        return self.most < inf and self.in_flight >= self.most

    @property
    def state(self) -> str | None:
        """Why it is left out; None if it is not."""
        if self.drained:
            return "draining"
        if self.out is not None or self.down is not None:
            return "down"
        return "full" if self.full else None

    def leave_out(self, why: str) -> None:
        """Send nothing more until settings are read again: only people can mend this."""
        if self.out is None:
            self.out = why
            log.error("pool %s: %s is left out until a reload: %s", self.pool, self.name, why)

    def drain(self) -> None:
        self.drained = True
        log.info("pool %s: %s is drained", self.pool, self.name)

    def ready(self) -> None:
        if self.drained:
            self.drained = False
            self.back_since = time.monotonic()
            log.info("pool %s: %s is back", self.pool, self.name)


class Trouble:
    """The log says when attempts on a server begin to fail, and when that ends.

    Nothing is said of servers that are ``meant_to_fail``: those of a scenario.
    """

    def __init__(self, pool: str, server: str, *, meant_to_fail: bool = False) -> None:
        self._silent = meant_to_fail
        self._of = f"pool {pool}: {server}"
        self._failures = 0  # in a row
        self._said = False
        self._last_line = -QUIET

    def failed(self, reason: str, detail: str | None) -> None:
        self._failures += 1
        certain = not self._silent and (reason != "status" or self._failures >= IN_A_ROW)
        now = time.monotonic()
        if certain and not self._said and now - self._last_line >= QUIET:
            self._said, self._last_line = True, now
            log.warning("%s: attempts fail: %s", self._of, detail or reason)

    def succeeded(self) -> None:
        self._failures = 0
        if self._said:
            self._said = False
            log.info("%s: attempts succeed again", self._of)


class Shortage:
    """This machine is short of sockets or memory: no server's fault, and said once in a while."""

    def __init__(self) -> None:
        self._last_line = -QUIET

    def met(self, detail: str | None) -> None:
        now = time.monotonic()
        if now - self._last_line >= QUIET:
            self._last_line = now
            log.error("requests get 503, since this machine is short of something: %s", detail)


SHORTAGE = Shortage()  # of the whole process


class Lasting(NamedTuple):
    """Who may be sent to as long as no server changes."""

    changes: int
    servers: Sequence[Server]
    mask: Bools | None

    def holds(self, servers: Sequence[Server]) -> bool:
        """Whether none of these has changed since."""
        return self.changes == Server.changes and self.servers is servers


class Pool:
    """Servers that belong together."""

    def __init__(
        self,
        name: str,
        settings: PoolSettings,
        client: Client,
        *,
        counts: Counts | None = None,
        quiet: bool = False,
    ) -> None:
        self._quiet = quiet  # about servers that are in trouble
        self.lasting: Lasting | None = None
        self.name = name
        self._client = client
        self._counts = counts or OwnCounts()
        self._panics = self._counts.count(f"pool {name}: panics")
        self.servers: list[Server] = []
        self.settings = settings
        self.reload(settings)

    @property
    def panics(self) -> int:
        """Decisions for which health was ignored."""
        return self._panics.total

    def panic(self) -> None:
        self._panics.add(1)

    def find(self, name: str) -> Server | None:
        return next((server for server in self.servers if server.name == name), None)

    def take_back(self) -> None:
        """Send to those again that were left out."""
        for server in self.servers:
            server.out = None

    def reload(self, settings: PoolSettings) -> None:
        """Other servers, or other addresses of them; those that stay keep their state."""
        tls, same_tls = _context(settings.tls), settings.tls == self.settings.tls
        self.take_back()
        there = {server.name: server for server in self.servers}
        self.settings, self.servers = settings, []
        for each in settings.servers:
            server = there.pop(each.identity, None)
            if server is not None and server.settings == each and same_tls:
                self.servers.append(server)
                continue
            upstream = self._client.upstream(each.url, tls, settings.tls.server_name)
            if server is None:
                meant_to_fail = self._quiet or settings.scenario is not None
                flying = self._counts.count(f"pool {self.name}: {each.identity}", passing=True)
                server = Server(self.name, each, upstream, flying, meant_to_fail=meant_to_fail)
            else:
                self._client.forget(server.upstream)
                server.reach(each, upstream)
            self.servers.append(server)
        for gone in there.values():
            self._client.forget(gone.upstream)


def available(
    pool: Pool,
    servers: Sequence[Server],
    serves: Sequence[bool] | None = None,
    *,
    slow_start: bool,
) -> Bools | None:
    """(1, K) which of a route's servers may be sent to; None if all may.

    If health alone leaves none it is ignored; drains, ``max_in_flight`` and what a request asks of
    servers (``serves`` (K,)) never are.  What is true until a server changes is found once: a
    decision shall not look at ten thousand servers.
    """
    known = pool.lasting
    if serves is None and known is not None and known.holds(servers):
        return known.mask
    now = time.monotonic()
    mask, panics = _mask(servers, serves, now if slow_start else None)
    if panics:
        pool.panic()
    elif serves is None and all(_lasts(each, now) for each in servers):
        if mask is not None:
            mask.flags.writeable = False  # it is that of many decisions
        pool.lasting = Lasting(Server.changes, servers, mask)
    return mask


def _lasts(server: Server, now: float) -> bool:
    """Whether it may be sent to until it changes: it cannot be full, and is not starting."""
    return server.most == inf and server.back_since <= now - SLOW_START


def _mask(
    servers: Sequence[Server], serves: Sequence[bool] | None, slowly: float | None
) -> tuple[Bools | None, bool]:
    """As ``available``, and whether health is ignored; ``slowly`` is now if starts are slow."""
    started = inf if slowly is None else slowly - SLOW_START  # who came back later is starting
    for server in servers if serves is None or all(serves) else ():
        if server.drained or server.down or server.out:
            break
        if server.back_since > started or (server.most < inf and server.full):
            break
    else:
        if serves is None or all(serves):
            return None, False
    usable = [not (server.drained or server.full or server.out) for server in servers]
    if serves is not None:
        usable = [mine and its for mine, its in zip(usable, serves, strict=True)]
    both = np.array(usable) & [server.down is None for server in servers]
    if not both.any():
        return np.array(usable)[None, :], any(usable)
    if slowly is not None:
        both = _slowly(both, servers, slowly)
    return both[None, :], False


def _slowly(mask: Bools, servers: Sequence[Server], now: float) -> Bools:
    """Leave those that came back out at random, ever less often."""
    shares = [(now - server.back_since) / SLOW_START for server in servers]
    drawn = mask & np.array([random() < max(share, LEAST_SHARE) for share in shares])
    return drawn if drawn.any() else mask


def _context(tls: Tls) -> ssl.SSLContext | None:
    """None: as usual, with the roots of the system."""
    if tls.verify and tls.ca is None:
        return None
    return tls_context(verify=tls.verify, ca=tls.ca)
