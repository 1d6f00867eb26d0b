"""``flb serve``: both planes, the live view and the records in one event loop, or with workers."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from flaky_load_balancer.admin import page
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.config import Settings
from flaky_load_balancer.processes import stop_requested
from flaky_load_balancer.proxy.http1 import HttpServer, Listener, asgi, raise_descriptor_limit
from flaky_load_balancer.records import NoRecorder, Recorder, Records
from flaky_load_balancer.service import tuning
from flaky_load_balancer.service.epoch import clock
from flaky_load_balancer.service.listening import listening, url
from flaky_load_balancer.service.notify import notify
from flaky_load_balancer.service.running import Service
from flaky_load_balancer.sharing import Keeper, Shared, Snapshots

STOPPING = signal.SIGTERM, signal.SIGINT  # SIGHUP reloads


@dataclass(frozen=True)
class Addresses:
    """Where the planes listen, and under which session the runs are recorded."""

    data: str
    admin: str
    session: str | None
    runs: dict[str, int | None]  # the number in the records of each route's run


async def serve(
    settings: Settings,
    ready: Callable[[Addresses], None],
    *,
    child: bool,
    read: Callable[[], Settings] | None = None,
    fresh: bool = False,
    log_format: str = "text",
) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is called once both planes listen.

    A ``child`` also stops when its parent is gone.  ``read`` reads the settings again for a
    reload; None where they came from flags alone.  With ``fresh`` routes begin anew, and what they
    had learnt is put aside.  Raises SettingsError for a taken port and
    RecordsError for a data directory that cannot be used.
    """
    stop = stop_requested(child=child, signals=STOPPING)  # before anybody can reach us
    raise_descriptor_limit()
    with (
        listening(settings.host, settings.port, "--port") as data_socket,
        listening(settings.admin_host, settings.admin_port, "--admin-port") as admin_socket,
        _recording(settings) as recorder,
        _snapshots(settings) as snapshots,
    ):
        session = settings.session or recorder.start_session(
            "serve",
            seed=settings.seed,
            rate=settings.rate,
            settings={"routes": {route.name: asdict(route.game) for route in settings.routes}},
        )
        service = Service(settings, recorder, session, read, log_format=log_format)
        data = url(data_socket, tls=settings.tls is not None)
        async with (
            _sharing(settings, service) as shared,
            _keeping(snapshots, service, shared, fresh=fresh),
            service.running(data_socket, admin_socket, data),
        ):
            runs = {route.name: route.run for route in service.routes.shown}
            tuning.spare_the_collector()
            tuning.favour_the_loop()
            ready(Addresses(data, url(admin_socket), session, runs))
            notify("READY=1")
            await stop
            notify("STOPPING=1")
        if settings.session is None:  # else whoever began the session knows when it is complete
            service.routes.finish()
            recorder.finish_session(session)


async def show(where: Path | str, admin_port: int, ready: Callable[[str], None]) -> None:
    """The admin plane alone, over what is recorded; ``ready`` is told where it listens."""
    stop = stop_requested()
    with listening("127.0.0.1", admin_port, "--admin-port") as opened:
        live = Live([], clock, NoRecorder(), kind="records")
        admin = admin_plane(
            [],
            live,
            Records(where),
            ready=lambda: True,
            records_lost=lambda: 0,
            dashboard=page.built(),
        )
        server = HttpServer(asgi(admin))
        listener = Listener(opened, server)
        ready(url(opened))
        await stop
        await live.close()
        listener.close()
        server.abort()
        await admin.state.player.close()


@contextmanager
def _snapshots(settings: Settings) -> Iterator[Snapshots | None]:
    """Where what is learnt is kept; nowhere in a session of the harness, or without records."""
    if settings.data_dir is None or settings.session is not None:
        yield None
        return
    with Snapshots(settings.data_dir) as snapshots:
        yield snapshots


@asynccontextmanager
async def _sharing(settings: Settings, service: Service) -> AsyncIterator[Shared | None]:
    """With its replicas, if there may be any; never in a session of the harness."""
    if settings.share is None or settings.session is not None:
        yield None
        return
    from flaky_load_balancer.sharing.streams import RedisStreams  # noqa: PLC0415 (an extra)

    store = RedisStreams(settings.share.url, settings.share.name, clock)
    async with store.running():
        yield Shared(service.front.bridged(store), service.routes.shown, clock)


@asynccontextmanager
async def _keeping(
    snapshots: Snapshots | None, service: Service, shared: Shared | None, *, fresh: bool
) -> AsyncIterator[None]:
    """What was learnt is loaded before, written and shared inside."""
    keeper = Keeper(
        snapshots, service.routes.shown, clock, refresh=service.front.learn, shared=shared
    )
    if fresh:
        keeper.forget()
    else:
        await keeper.load()
    async with shared.running() if shared else nullcontext():
        writing = asyncio.create_task(keeper.run())
        try:
            yield
        finally:
            writing.cancel()
            keeper.save()


@contextmanager
def _recording(settings: Settings) -> Iterator[Recorder]:
    if settings.place is None:
        yield NoRecorder()
        return
    with Recorder(settings.place, settings.kept) as recorder:
        yield recorder
