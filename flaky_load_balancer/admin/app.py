"""The admin plane: what people and programs ask about the balancer.  Routes without logic."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware

from flaky_load_balancer import __version__, registry
from flaky_load_balancer.admin import metrics, page, schemas, sign_in
from flaky_load_balancer.admin.comparisons import compared
from flaky_load_balancer.admin.control import Control
from flaky_load_balancer.admin.control import install as install_control
from flaky_load_balancer.admin.downloads import Downloads
from flaky_load_balancer.admin.guard import Guard
from flaky_load_balancer.admin.playing import BusyError, Player
from flaky_load_balancer.admin.splits import shown
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.admin.together import Together
from flaky_load_balancer.admin.views import View
from flaky_load_balancer.proxy import problems
from flaky_load_balancer.proxy.pool import Pool
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.proxy.split import Split
from flaky_load_balancer.records import Records, RecordsError, StillRunningError

HOSTS = ["localhost", "127.0.0.1", "[::1]"]
STUCK = 30.0  # seconds after which a reader that does not read is let go
Most = Annotated[int, Query(ge=2, le=10_000)]  # frames of each run


def admin_plane(
    routes: Sequence[Route],
    live: Live,
    records: Records | None,
    *,
    ready: Callable[[], bool],
    records_lost: Callable[[], int],
    dashboard: Path | None = None,
    control: Control | None = None,
    token: str | None = None,
    names: Sequence[str] = (),
    pools: Mapping[str, Pool] | None = None,
    splits: Sequence[Split] = (),
    staff: metrics.Staff | None = None,
) -> FastAPI:
    """The app that watches these routes; ``records`` None where nothing is recorded.

    ``dashboard`` is the folder of its built page, None where that is not built; ``names`` are
    further hosts that the plane may be asked by; with a ``token`` only its bearers, and who
    signed in with it, get more than whether the balancer lives and is ready.
    """
    app = FastAPI(title="flaky_load_balancer", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(Guard)
    if token is not None:
        keeper = sign_in.Keeper(token)
        app.add_middleware(sign_in.Door, keeper=keeper)
        sign_in.install(app, keeper)
    hosts = [*HOSTS, *(f"[{name}]" if ":" in name else name for name in names)]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    problems.install(app)

    @app.exception_handler(RecordsError)
    async def unreadable(request: Request, error: RecordsError) -> Response:  # noqa: ARG001
        return problems.problem(500, str(error))

    _health(app, ready)
    _live(app, live, control)
    _splits(app, splits)
    _recorded(app, records)
    app.state.player = Player()
    _strategies(app, app.state.player)
    install_control(app, control)
    registry = metrics.registry(routes, records_lost, pools or {}, staff)

    scraped = Together(lambda: run_in_threadpool(generate_latest, registry))

    @app.get("/metrics", include_in_schema=False)
    async def scrape() -> Response:
        return Response(await scraped.get(), media_type=CONTENT_TYPE_LATEST)

    page.serve(app, dashboard)
    return app


def _health(app: FastAPI, ready: Callable[[], bool]) -> None:
    @app.get("/livez")
    async def livez() -> schemas.Health:
        return schemas.Health(status="alive")

    @app.get("/readyz", responses={503: {"model": schemas.Health}})
    async def readyz() -> Response:
        """200 while requests are let in."""
        return _json({"status": "ready"}) if ready() else _json({"status": "closing"}, 503)


def _live(app: FastAPI, live: Live, control: Control | None) -> None:
    def find(name: str) -> View:
        if name not in live.views:
            raise HTTPException(404, f"no such route: {name[:100]!a}; see /api/snapshot")
        return live.views[name]

    @app.get("/api/snapshot", response_model=schemas.Frame)
    async def snapshot() -> Response:
        """Everything the live page shows now."""
        return _encoded(await live.snapshot())

    @app.get("/api/events", response_class=EventSourceResponse)
    async def events(
        last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    ) -> EventSourceResponse:
        """Server-sent events: ``connected``, ``metrics`` while something changes, ``heartbeat``."""
        if live.full:
            raise HTTPException(503, "too many pages watch already", {"Retry-After": "10"})

        async def stream() -> AsyncIterator[bytes]:
            async for event in live.events(last_event_id):
                yield event.encoded

        return EventSourceResponse(stream(), ping=0, send_timeout=STUCK, sep="\n")

    @app.get("/api/history", response_model=schemas.Histories)
    async def histories(after: float = 0.0) -> Response:
        """How all routes came to where they are, from behind a time on."""
        return _encoded(await live.history(after))

    @app.get("/api/routes/{route:path}/history", response_model=schemas.SharesHistory)
    async def history(route: str, after: float = 0.0) -> Response:
        """How one route came to where it is, and which servers it chose on the way."""
        found = find(route)
        return _json(
            {
                "route": route,
                **found.history.numbers(after),
                **found.history.shares(after),
            }
        )

    @app.get("/api/routes/{route:path}/decisions", response_model=schemas.Decisions)
    async def decisions(route: str, after: Annotated[int, Query(ge=0)] = 0) -> Response:
        """Its last decisions behind a cursor: the index of every server, and why."""
        view = find(route)
        if control is not None:
            await control.refresh(route)
        made = [each for each in view.route.dispatcher.decisions if each.cursor > after]
        return _json(await run_in_threadpool(view.decisions, made))

    @app.get("/api/routes/{route:path}/servers", response_model=schemas.ServerColumns)
    async def servers(route: str, search: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Its servers in whose names this is; of more than 500, those in trouble."""
        return _json(find(route).found(live.now(), search))

    @app.get("/api/routes/{route:path}", response_model=schemas.RouteDetail)
    async def detail(route: str) -> Response:
        """One route in full."""
        if control is not None:
            await control.refresh(route)
        return _json(find(route).detail(live.now()))


def _splits(app: FastAPI, splits: Sequence[Split]) -> None:
    @app.get("/api/splits", response_model=list[schemas.Split])
    async def all_splits() -> Response:
        """A/B tests: what each strategy came to since they began, and whether they differ."""
        return _json([shown(split) for split in splits])


def _recorded(app: FastAPI, records: Records | None) -> None:
    downloads = Downloads()

    def kept() -> Records:
        if records is None:
            raise HTTPException(404, "nothing is recorded: started with --no-records")
        return records

    def one(found: dict[str, Any] | None, what: str, name: object) -> dict[str, Any]:
        if found is None:
            raise HTTPException(404, f"no such {what}: {str(name)[:100]!a}; see /api/{what}s")
        return found

    @app.get("/api/sessions", response_model=list[schemas.SessionRow])
    def sessions(search: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Recorded sessions, newest first, that have these words in names, notes, tags, ..."""
        return _json(kept().sessions(search))

    @app.get("/api/sessions/{session}", response_model=schemas.SessionDetail)
    def session(session: str) -> Response:
        """The comparison of the runs of one session."""
        found = one(kept().session(session), "session", session)
        return _json({**found, "comparison": compared(found)})

    @app.patch("/api/sessions/{session}", response_model=schemas.SessionDetail)
    def change(session: str, changes: schemas.SessionChanges) -> Response:
        """Name, describe, tag or pin a session."""
        kept().change(session, **changes.model_dump(exclude_unset=True))
        found = one(kept().session(session), "session", session)
        return _json({**found, "comparison": compared(found)})

    @app.delete("/api/sessions/{session}", status_code=204)
    def delete(session: str) -> None:
        """Delete a session with its runs; 409 while it goes on."""
        one(kept().session(session), "session", session)
        try:
            kept().delete([session])
        except StillRunningError as error:
            raise HTTPException(409, str(error)) from None

    @app.get("/api/runs", response_model=list[schemas.RunRow])
    def runs(session: str | None = None) -> Response:
        """Recorded runs, newest first."""
        return _json(kept().runs(session))

    @app.get("/api/runs/{run}", response_model=schemas.RunDetail)
    def run(run: int) -> Response:
        return _json(one(kept().run(run), "run", run))

    @app.get("/api/runs/{run}/frames", response_model=list[schemas.Frame])
    def frames(
        run: int,
        after: float | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    ) -> Response:
        """Frames, oldest first, from behind a time (seconds since the epoch) on."""
        one(kept().run(run), "run", run)
        return _listed(kept().frames(run, after, limit))

    @app.get("/api/runs/{run}/overview", response_model=list[schemas.Frame])
    def run_overview(run: int, most: Most = 2000) -> Response:
        """Frames for replay, oldest first: of a long run some, spread evenly over all of it."""
        one(kept().run(run), "run", run)
        return _listed(kept().overview(run, most))

    @app.get("/api/sessions/{session}/overview", response_model=list[schemas.Frame])
    def session_overview(session: str, most: Most = 2000) -> Response:
        """As that of a run, of all runs of a session; each frame has one route."""
        one(kept().session(session), "session", session)
        return _listed(kept().overview(session, most))

    @app.get("/api/runs/{run}/attempts.csv", response_class=StreamingResponse)
    async def attempts_csv(run: int) -> Response:
        """Every attempt, as ``flb export --format csv`` writes it."""
        one(await run_in_threadpool(kept().run, run), "run", run)
        if downloads.full:
            raise HTTPException(503, "others download already", {"Retry-After": "5"})
        headers = {"Content-Disposition": f"attachment; filename=run-{run}.csv"}
        lines = downloads.csv(kept(), run)
        return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")

    @app.get("/api/runs/{run}/attempts", response_model=schemas.Attempts)
    def attempts(
        run: int,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        """The attempts from behind a cursor on; ``next`` is the cursor to go on with, or null."""
        one(kept().run(run), "run", run)
        rows = kept().attempts(run, after, limit)
        following = rows[-1]["cursor"] if len(rows) == limit else None
        return _json({"attempts": rows, "next": following})


def _strategies(app: FastAPI, player: Player) -> None:
    @app.get("/api/strategies")
    def strategies() -> list[schemas.StrategyRow]:
        """What there is, with parameters."""
        return [schemas.StrategyRow(**row) for row in registry.describe()]

    @app.post("/api/play", response_model=schemas.Played)
    async def rounds(asked: schemas.PlayRequest) -> Response:
        """A few rounds of a strategy on a small fleet of given rates."""
        try:
            status, answer = await player.play(asked.model_dump_json().encode())
        except BusyError:
            raise HTTPException(503, "others play already", {"Retry-After": "5"}) from None
        if status != 200:
            raise HTTPException(status, answer.decode())
        return _encoded(answer)


def _listed(documents: Sequence[bytes]) -> Response:
    return Response(b"[" + b",".join(documents) + b"]", media_type="application/json")


def _encoded(document: bytes) -> Response:
    return Response(document, media_type="application/json")


def _json(document: Any, status: int = 200) -> Response:
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, status, media_type="application/json")
