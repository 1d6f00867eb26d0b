"""The parent of the workers: starts and replaces them, and tells each what all have to know.

Whatever one worker tells of its strategy goes on to all others.  The parent has strategies too, but
lets them learn nothing by themselves: what people see comes from one of the workers twice a second,
and what is written to the disk is asked of one when it is due.
"""

import asyncio
import logging
import os
import socket
from collections import Counter, defaultdict
from typing import Any

import orjson

from flaky_load_balancer.config import Settings
from flaky_load_balancer.processes import ChildDiedError, how_it_ended
from flaky_load_balancer.proxy.access import AccessLog
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.proxy.pool import Server
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.service.epoch import EPOCH
from flaky_load_balancer.service.listening import server_tls
from flaky_load_balancer.service.routes import Routes
from flaky_load_balancer.service.workers import beliefs
from flaky_load_balancer.service.workers.bridge import Bridge
from flaky_load_balancer.service.workers.folding import Folding
from flaky_load_balancer.service.workers.ledger import Ledger
from flaky_load_balancer.service.workers.member import Member
from flaky_load_balancer.service.workers.orders import (
    Learnt,
    Orders,
    Start,
    condition,
    conditions,
)
from flaky_load_balancer.service.workers.pipe import Kind, named, unnamed
from flaky_load_balancer.sharing.shared import Store

SHOWN = 0.5  # seconds between two looks at what is believed
LIVED = 10.0  # seconds after which a worker's end has nothing to do with its start
FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0  # seconds before another worker is tried
CLOSING = 5.0  # seconds that a worker gets beyond those of its requests
log = logging.getLogger(__name__)


class Crew:
    """The front of a service whose clients are served by workers."""

    def __init__(self, settings: Settings, routes: Routes, ledger: Ledger, log_format: str) -> None:
        server_tls(settings.tls)  # what is wrong is better said here than by all of them
        self._routes, self._ledger, self._log_format = routes, ledger, log_format
        self._settings = settings
        ledger.count("in flight", passing=True)
        self._lost = ledger.count("events lost")
        self.restarts = 0
        self.check(settings)
        self._folding = Folding(routes)
        self._members: dict[int, Member] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ended: dict[str, Counter[str]] = defaultdict(Counter)  # violations of dead workers
        self._bridge: Bridge | None = None  # where there are other machines
        self._cursor = 0  # of the last decision that was shown

    @property
    def lost(self) -> int:
        """Events that workers could not tell."""
        return self._lost.total

    @property
    def workers(self) -> int:
        return len(self.serving)

    @property
    def serving(self) -> list[Member]:
        return [member for member in self._members.values() if member.serves]

    # The front.

    async def open(self, listening: socket.socket) -> None:
        self._listening = listening
        cores = os.cpu_count() or 1
        if self._ledger.workers > cores:
            log.warning("%d workers share %d cores", self._ledger.workers, cores)
        numbers = range(self._ledger.workers)
        await asyncio.gather(*(self._start(number, {}) for number in numbers))
        self._tasks = [asyncio.create_task(self._keep(number)) for number in numbers]
        self._tasks.append(asyncio.create_task(self._look()))

    def check(self, settings: Settings) -> None:  # noqa: ARG002
        AccessLog(self._settings.access_log).close()

    def load(self, settings: Settings) -> None:
        self._settings = settings
        self._folding.know()
        for member in self._members.values():
            member.order(Kind.ORDERS, Orders(**self._orders()))

    def tell(self, server: Server) -> None:
        said = {server.pool: {server.name: condition(server)}}
        self._say(Kind.SERVERS, orjson.dumps(said))

    def forget(self, route: str) -> None:
        self._say(Kind.FORGET, route.encode())

    async def agree(self) -> None:
        await asyncio.gather(*(member.ask("nothing") for member in self.serving))

    async def refresh(self, route: str) -> None:
        found = next((each for each in self._routes.shown if each.name == route), None)
        if found is not None:
            parts = await asyncio.gather(*(self._decisions(m, found) for m in self.serving))
            new = sorted((each for part in parts for each in part), key=lambda each: each.time)
            for decision in new:
                self._cursor += 1
                decision.cursor = self._cursor
            found.dispatcher.decisions.extend(new)

    async def learn(self) -> None:
        for route in list(self._routes.shown):
            if (learnt := await self._asked(route)) is not None:
                learnt.give(route)

    def bridged(self, store: Store) -> Store:
        self._bridge = Bridge(store, self._tell_all)
        return self._bridge

    async def close(self, grace: float) -> None:
        self._cease()
        self._say(Kind.CLOSE, str(grace).encode())
        ends = [member.closed for member in self.serving]
        if ends:
            await asyncio.wait(ends, timeout=2 * grace + CLOSING)
        await self.learn()
        await self._stop()

    def abort(self) -> None:
        self._cease()
        for member in self._members.values():
            member.kill()
        self._ledger.close()

    def _cease(self) -> None:
        """Replace nobody any more."""
        for task in self._tasks:
            task.cancel()

    # Workers.

    async def _start(self, number: int, learnt: dict[str, Learnt]) -> None:
        """Start a worker, and wait until it serves; ChildDiedError if it never does."""
        inherits = self._ledger.file, self._listening.fileno()
        member = self._members[number] = await Member.start(number, self._hear, inherits)
        orders = Start(
            **self._orders(),
            worker=number,
            ledger=self._ledger.file,
            listening=self._listening.fileno(),
            epoch=EPOCH,
            log_format=self._log_format,
            learnt=learnt or {route.name: Learnt.of(route) for route in self._routes.shown},
        )
        member.order(Kind.START, orders)
        try:
            await member.child.ready(asyncio.shield(member.ready))
        except ChildDiedError:
            await member.stop()
            raise

    def _orders(self) -> dict[str, Any]:
        routes = self._routes
        shown = ((route.name, route.run, list(route.recorded)) for route in routes.shown)
        return {
            "settings": self._settings,
            "runs": {name: (run, servers) for name, run, servers in shown if run is not None},
            "conditions": conditions(routes.pools.values()),
            "places": dict(self._ledger.places),
        }

    async def _keep(self, number: int) -> None:
        """See to it that there is this worker, until the end."""
        wait, loop = FIRST_WAIT, asyncio.get_running_loop()
        while True:
            began, member = loop.time(), self._members[number]
            code = await member.child.process.wait()
            await self._over(member, code)
            wait = FIRST_WAIT if loop.time() - began > LIVED else min(2 * wait, LONGEST_WAIT)
            while not await self._replaced(number):
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    async def _over(self, member: Member, code: int) -> None:
        """A worker has ended that should not have; what it had told by then is heard first."""
        log.error(
            "%s has ended (%s), and the requests in it; another one takes its place",
            member.child.name,
            how_it_ended(code),
        )
        await member.pipe.gone
        await member.stop()
        self._ledger.clear(member.number)
        for name, learning in member.learning.items():
            self._ended[name].update(learning.violations)
        self.restarts += 1

    async def _replaced(self, number: int) -> bool:
        """Start another worker, with what those that are there have learnt."""
        await self.learn()
        try:
            await self._start(number, {})
        except ChildDiedError as error:
            log.error("no worker can take its place for now: %s", error)
            return False
        return True

    async def _stop(self) -> None:
        await asyncio.gather(*(member.stop() for member in self._members.values()))

    # What workers say.

    def _hear(self, member: Member, kind: Kind, message: memoryview) -> None:
        if kind is Kind.EVENTS:
            self._folding.take(message)
        elif kind is Kind.FACTS:
            self._pass_on(member, message)
        elif kind is Kind.BELIEFS:
            name, report = unnamed(message)
            for route in self._routes.shown:
                if route.name == name:
                    beliefs.believe(route, report)

    def _pass_on(self, teller: Member, facts: memoryview) -> None:
        """Tell all others; one that is stuck learns from the numbers that it missed some."""
        if self._bridge is not None:
            route, batch = unnamed(facts)
            self._bridge.pass_on(route, bytes(batch))
        for member in self.serving:
            if member is not teller and not member.pipe.full:
                member.pipe.send(Kind.FACTS, facts)

    def _tell_all(self, route: str, batch: bytes) -> None:
        """Another machine tells this."""
        for member in self._members.values():
            if not member.pipe.full:
                member.pipe.send(Kind.FACTS, *named(route, batch))

    def _say(self, kind: Kind, message: bytes) -> None:
        for member in self._members.values():
            member.pipe.send(kind, message)

    async def _look(self) -> None:
        """Twice a second let one worker say what it believes."""
        while True:
            await asyncio.sleep(SHOWN)
            if self._bridge is not None:
                self._say(Kind.OFFSET, str(self._bridge.offset).encode())
            for member in self.serving[:1]:
                await member.ask("beliefs")
            await asyncio.gather(*(self._ask_learning(member) for member in self.serving))
            for route in self._routes.shown:
                parts = [each.learning.get(route.name, Learning()) for each in self.serving]
                route.told = Learning.together(parts, self._ended[route.name])

    async def _ask_learning(self, member: Member) -> None:
        answer = await member.ask("learning")
        if answer is not None:
            told = orjson.loads(answer)
            member.learning = {name: Learning(**each) for name, each in told.items()}

    async def _asked(self, route: Route) -> Learnt | None:
        """What a worker has learnt on a route."""
        for member in self.serving:
            if answer := await member.ask("learnt", route=route.name):
                return Learnt.from_bytes(answer)
        return None

    async def _decisions(self, member: Member, route: Route) -> list[Any]:
        shown = member.decisions[route.name]
        answer = await member.ask("decisions", route=route.name, after=shown.after)
        return [] if answer is None else shown.take(orjson.loads(answer))
