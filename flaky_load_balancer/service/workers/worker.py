"""A worker: ``python -m flaky_load_balancer.service.workers.worker FILE``, started by the parent.

FILE is the number of its end of a pipe.  It serves until the parent says so, is gone, or until
SIGTERM; requests in flight then get some seconds.
"""

import asyncio
import pickle
import signal
import socket
import sys
import time
from typing import Any

import orjson

from flaky_load_balancer.core.state import matched
from flaky_load_balancer.processes import end_with_parent, stop_requested
from flaky_load_balancer.proxy.http1 import Client, raise_descriptor_limit
from flaky_load_balancer.records import Records
from flaky_load_balancer.service import tuning
from flaky_load_balancer.service.clients import Clients
from flaky_load_balancer.service.workers.beliefs import believed, decided
from flaky_load_balancer.service.workers.ledger import Ledger
from flaky_load_balancer.service.workers.member import NUMBER
from flaky_load_balancer.service.workers.orders import Conditions, Learnt, Orders, Start
from flaky_load_balancer.service.workers.pipe import Kind, Pipe, named, unnamed
from flaky_load_balancer.service.workers.reporter import Reporter
from flaky_load_balancer.service.workers.routes import WorkerRoutes
from flaky_load_balancer.sharing.exchanges import Exchanges
from flaky_load_balancer.sharing.transport import Deliver
from flaky_load_balancer.terminal import log_to_stderr, run


class Hub:
    """The transport to the other workers: through the parent, which passes everything on."""

    offset, connected, dropped = 0.0, True, 0

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._routes: dict[str, Deliver] = {}

    def subscribe(self, route: str, deliver: Deliver) -> None:
        self._routes[route] = deliver

    def unsubscribe(self, route: str) -> None:
        self._routes.pop(route, None)

    def publish(self, route: str, batch: bytes) -> None:
        if not self._pipe.full:
            self._pipe.send(Kind.FACTS, *named(route, batch))

    def deliver(self, message: memoryview) -> None:
        """The parent passes this on."""
        name, batch = unnamed(message)
        if name in self._routes:
            self._routes[name](bytes(batch), None)


class Worker:
    """What is served, and what the parent may say about it."""

    def __init__(self, start: Start, pipe: Pipe) -> None:
        self._pipe, self._epoch = pipe, start.epoch
        self._settings, self._listening = start.settings, start.listening
        here = dict(start.places), start.worker
        self._ledger = Ledger(start.ledger, start.settings.workers, *here)
        self._reporter = Reporter(self._report, self._ledger.count("events lost"))
        self._reporter.runs = start.runs
        self._client = Client()
        self._routes = WorkerRoutes(
            *(start.settings, self._client, self._reporter, "", self.clock),
            counts=self._ledger,
            records=None if start.settings.place is None else Records(start.settings.place),
            worker=start.worker,
        )
        self._shown: dict[str, bytes] = {}  # by route: what was last said of its beliefs
        self._adopt(start)
        for route in self._routes.shown:
            if route.name in start.learnt:
                start.learnt[route.name].give(route)
        self._hub = Hub(pipe)
        self._exchanges = Exchanges(self._routes.shown, self._hub, self.clock)
        self._exchanges.update()
        self._clients = Clients(start.settings, self._routes, self._client, alone=False)
        self.closing: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def clock(self) -> float:
        """That of all processes of the service."""
        return self._epoch + time.monotonic()

    async def open(self) -> None:
        """Take connections."""
        await self._clients.open(socket.socket(fileno=self._listening))
        self._pipe.send(Kind.READY)

    async def close(self, grace: float) -> None:
        """Let those inside end, and tell the rest."""
        await self._clients.close(grace)
        self._exchanges.end()
        self._reporter.report()
        self._pipe.send(Kind.CLOSED)

    def abort(self) -> None:
        self._clients.abort()
        self._client.close()

    @property
    def grace(self) -> float:
        return self._settings.drain

    # What the parent says.

    def hear(self, kind: Kind, message: memoryview) -> None:
        if kind is Kind.FACTS:
            self._hub.deliver(message)
        elif kind is Kind.ORDERS:
            self._load(pickle.loads(message))
        elif kind is Kind.OFFSET:
            self._hub.offset = float(str(message, "ascii"))
        elif kind is Kind.SERVERS:
            self._set(orjson.loads(message))
        elif kind is Kind.FORGET:
            self._routes.fresh(str(message, "utf-8"))
        elif kind is Kind.ASK:
            self._answer(**orjson.loads(message))
        elif kind is Kind.CLOSE and not self.closing.done():
            self.closing.set_result(float(str(message, "ascii")))

    def _load(self, orders: Orders) -> None:
        self._settings = orders.settings
        self._ledger.places.update(orders.places)
        self._reporter.runs = orders.runs
        self._clients.check(orders.settings)
        self._routes.reload(orders.settings)
        self._adopt(orders)
        self._exchanges.update()
        self._clients.load(orders.settings)

    def _adopt(self, orders: Orders) -> None:
        """Number servers as the parent does, and take its word for how they are."""
        for route in self._routes.shown:
            route.recorded = list(orders.runs[route.name][1])
            route.dispatcher.indices = matched(route.recorded, route.servers).tolist()
        self._set(orders.conditions)

    def _set(self, found: Conditions) -> None:
        for pool, servers in found.items():
            for name, (drained, down) in servers.items():
                server = self._routes.server(pool, name)
                if server is None:
                    continue
                undrained = server.drained and not drained
                if undrained or (server.down is not None and down is None):
                    server.back_since = time.monotonic()
                server.drained, server.down = drained, down

    def _answer(self, number: int, what: str, route: str = "", after: int = 0) -> None:
        answer = b""
        found = next((each for each in self._routes.shown if each.name == route), None)
        if what == "beliefs":
            self._believe()
        elif what == "learning":
            now = self.clock()
            answer = orjson.dumps({each.name: each.learning(now) for each in self._routes.shown})
        elif what == "learnt" and found is not None:
            answer = Learnt.of(found).to_bytes()
        elif what == "decisions" and found is not None:
            made = [each for each in found.dispatcher.decisions if each.cursor > after]
            answer = orjson.dumps(decided(made))
        elif what == "decisions":
            answer = b"[]"
        self._pipe.send(Kind.ANSWER, NUMBER.pack(number), answer)

    def _believe(self) -> None:
        """Say what is believed, where that is news."""
        now = self.clock()
        for route in self._routes.shown:
            report = believed(route, now)
            if self._shown.get(route.name) != report:
                self._shown[route.name] = report
                self._pipe.send(Kind.BELIEFS, *named(route.name, report))

    def _report(self, events: bytes) -> bool:
        if self._pipe.full:
            return False
        self._pipe.send(Kind.EVENTS, events)
        return True


async def serve(end: socket.socket) -> None:
    """Serve as the parent says."""
    loop = asyncio.get_running_loop()
    stop = stop_requested(child=True, signals=(signal.SIGTERM, signal.SIGINT))
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the parent reloads
    raise_descriptor_limit()
    early: asyncio.Queue[tuple[Kind, memoryview]] = asyncio.Queue()
    pipe = await Pipe.on(end, lambda kind, message: early.put_nowait((kind, message)))
    _, message = await early.get()
    start: Start = pickle.loads(message)
    log_to_stderr(start.log_format)
    worker = Worker(start, pipe)
    pipe.hear = worker.hear
    while not early.empty():
        worker.hear(*early.get_nowait())
    tuning.spare_the_collector()
    tuning.favour_the_loop()
    await worker.open()
    ends: list[asyncio.Future[Any]] = [stop, worker.closing, pipe.gone]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await worker.close(worker.closing.result() if worker.closing.done() else worker.grace)
    if worker.closing.done():
        await pipe.gone  # until then the parent may ask what was learnt
    worker.abort()


if __name__ == "__main__":
    end_with_parent()
    run(serve(socket.socket(fileno=int(sys.argv[1]))))
