"""``flb serve``: both planes, the live view and the records in one process and one event loop."""

import asyncio
import errno
import gc
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import uvicorn
from starlette.types import ASGIApp

from flaky_load_balancer import registry
from flaky_load_balancer.admin import page
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.config import RouteSettings, Settings, SettingsError
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.tally import Tally, interpolated
from flaky_load_balancer.processes import stop_requested
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.ids import DataPlane, Gate
from flaky_load_balancer.proxy.inbound import Inbound
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.proxy.upstreams import Upstreams
from flaky_load_balancer.records import NoRecorder, Recorder, Records

GRACE = 1.0  # seconds that requests in flight get at a shutdown
KEEP_ALIVE = 75  # seconds idle; longer than common clients keep a connection, so that they hang up
EPOCH = time.time() - time.monotonic()


def clock() -> float:
    """Seconds since the epoch that never jump, also when the system's clock is set meanwhile."""
    return EPOCH + time.monotonic()


@dataclass(frozen=True)
class Addresses:
    """Where the planes listen, and under which session the runs are recorded."""

    data: str
    admin: str
    session: str | None
    runs: dict[str, int | None]  # the number in the records of each route's run


async def serve(settings: Settings, ready: Callable[[Addresses], None], *, child: bool) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is told once both planes listen.

    A ``child`` also stops when its parent is gone.  Raises SettingsError for a taken port and
    RecordsError for a data directory that cannot be used.
    """
    stop = stop_requested(child=child)  # before anybody can reach us
    with (
        _listening(settings.host, settings.port, "--port") as data_socket,
        _listening("127.0.0.1", settings.admin_port, "--admin-port") as admin_socket,
        _recording(settings) as recorder,
    ):
        session = settings.session or recorder.start_session(
            "serve",
            seed=settings.seed,
            rate=settings.rate,
            settings={"routes": {route.name: asdict(route.game) for route in settings.routes}},
        )
        async with Upstreams() as upstreams:
            routes = _Routes(settings, upstreams, recorder, session).all()
            gate = Gate(settings.max_in_flight)
            live = Live(
                routes,
                clock,
                recorder,
                session=session,
                kind="serve" if settings.session is None else "harness",
                data=_url(data_socket),
            )
            admin = admin_plane(
                routes,
                live,
                None if settings.place is None else Records(settings.place),
                ready=lambda: not gate.closing,
                records_lost=lambda: recorder.lost,
                dashboard=page.built(),
            )
            making = asyncio.create_task(live.run())
            data_server = await _Server.start(DataPlane(routes, gate), data_socket)
            admin_server = await _Server.start(admin, admin_socket)
            runs = {route.name: route.run for route in routes}
            _spare_the_collector()
            ready(Addresses(_url(data_socket), _url(admin_socket), session, runs))
            await stop
            await gate.close(GRACE)
            making.cancel()
            await live.close()
            await asyncio.gather(data_server.stopped(), admin_server.stopped())
        if settings.session is None:  # else whoever began the session knows when it is complete
            for route in routes:
                if route.run is not None:
                    recorder.finish_run(route.run)
            recorder.finish_session(session)


async def show(where: Path | str, admin_port: int, ready: Callable[[str], None]) -> None:
    """The admin plane alone, over what is recorded; ``ready`` is told where it listens."""
    stop = stop_requested()
    with _listening("127.0.0.1", admin_port, "--admin-port") as listening:
        live = Live([], clock, NoRecorder(), kind="records")
        admin = admin_plane(
            [],
            live,
            Records(where),
            ready=lambda: True,
            records_lost=lambda: 0,
            dashboard=page.built(),
        )
        server = await _Server.start(admin, listening)
        ready(_url(listening))
        await stop
        await live.close()
        await server.stopped()


class _Routes:
    """Makes routes of their settings."""

    def __init__(
        self, settings: Settings, upstreams: Upstreams, recorder: Recorder, session: str
    ) -> None:
        self.settings = settings
        self.upstreams = upstreams
        self.recorder = recorder
        self.session = session

    def all(self) -> list[Route]:
        return [self._route(number, route) for number, route in enumerate(self.settings.routes)]

    def _route(self, number: int, asked: RouteSettings) -> Route:
        settings, pool = self.settings, self.settings.pools[asked.pool]
        if asked.kind != "ids":
            raise SettingsError(f"route {asked.name}: kind {asked.kind!r}: only ids is there yet")
        rules = asked.game.rules(len(pool.servers))
        tally = Tally(rules, None if pool.bound is None else interpolated(pool.bound))
        spec = registry.canonical(asked.strategy)
        run = self.recorder.start_run(
            self.session,
            route=asked.name,
            path=asked.path,
            strategy=spec,
            scenario=pool.scenario,
            servers=pool.names,
            rules=rules,
            truth=pool.truth,
            bound=pool.bound,
            pieces=pool.pieces,
            faults=pool.faults,
            seed=settings.seed,
            rate=settings.rate,
        )
        balancer = Balancer(
            registry.load(asked.strategy),
            rules,
            np.random.default_rng([settings.seed, number]),
            slots=settings.max_in_flight,
        )
        dispatcher = Dispatcher(
            balancer,
            self.upstreams.pool([server.url for server in pool.servers]).send,
            clock,
            partial(_record, tally, self.recorder, run),
            deadline=asked.timeouts.total,
            attempt_timeout=asked.timeouts.first_byte,
        )
        return Route(
            asked.name,
            asked.path,
            spec,
            pool.scenario,
            pool.names,
            balancer,
            dispatcher,
            tally,
            pool.truth,
            run,
            pool=asked.pool,
            pieces=pool.pieces,
            faults=pool.faults,
        )


def _record(tally: Tally, recorder: Recorder, run: int, event: Event) -> None:
    tally.add(event)
    recorder.record(run, event)


class _Server(uvicorn.Server):
    """One plane; signals are the business of ``serve``."""

    _task: "asyncio.Task[None]"

    @classmethod
    async def start(cls, app: ASGIApp, listening: socket.socket) -> "_Server":
        config = uvicorn.Config(
            app,
            http=Inbound,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=1,
        )
        server = cls(config)
        server._task = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.005)
            if server._task.done():
                server._task.result()
        return server

    async def stopped(self) -> None:
        self.should_exit = True
        await self._task

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _spare_the_collector() -> None:
    """Never look again at the objects that are there by now: they are there to stay.

    A full collection would go through all modules, for several milliseconds, while requests wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@contextmanager
def _listening(host: str, port: int, flag: str) -> Iterator[socket.socket]:
    """A socket that listens already, so that the next program is told that the port is taken."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no name of a host"
        raise SettingsError(f"--host {host}: {reason}; expected one like 127.0.0.1") from None
    with opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind(address)
            opened.listen(2048)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            if getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
                raise SettingsError(f"--host {host}: no address of this machine") from None
            raise SettingsError(
                f"{flag} {port}: {reason}; choose another port with {flag}, or 0 for any free one"
            ) from None
        yield opened


@contextmanager
def _recording(settings: Settings) -> Iterator[Recorder]:
    if settings.place is None:
        yield NoRecorder()
        return
    with Recorder(settings.place, settings.kept) as recorder:
        yield recorder


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
