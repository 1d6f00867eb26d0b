"""The admin plane: every answer against its model, and the numbers against the tally."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import httpx
import orjson
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.admin import schemas
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.guard import LARGEST_BODY
from flaky_load_balancer.admin.metrics import Routes
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.admin.views import View
from flaky_load_balancer.core.types import Outcome, Rules
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.records import NoRecorder, Recorder, Records
from strategies import STRATEGIES
from strategies.constrained import Constrained
from strategies.v4_thompson import Thompson
from tests.records.making import start_run
from tests.routes import ID, SERVERS, answering, deliver, route

LIVE = WeakKeyDictionary[httpx.AsyncClient, Live]()  # behind each client's app


@asynccontextmanager
async def admin(
    *routes: Route, records: Records | None = None, ready: bool = True, host: str = "localhost"
) -> AsyncIterator[httpx.AsyncClient]:
    live = Live(routes, asyncio.get_running_loop().time, NoRecorder())
    app = admin_plane(routes, live, records, ready=lambda: ready, records_lost=lambda: 3)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}:8001") as http:
        LIVE[http] = live
        yield http
        await app.state.player.close()


async def played(strategy: str = "v6") -> Route:
    """A route on which one request failed, was refused and then delivered, and one given up."""
    answers = [Outcome.FAILED, Outcome.RATE_LIMITED, Outcome.SUCCEEDED, *[Outcome.FAILED] * 10]
    served = route(answering(*answers), registry.built_in(strategy), name="v6-T2")
    await deliver(served)
    await deliver(served)
    return served


async def test_the_snapshot_is_a_frame_with_the_fields_of_a_run() -> None:
    served = await played()
    async with admin(served) as http:
        frame = schemas.Frame.model_validate_json((await http.get("/api/snapshot")).content)
    (row,) = frame.routes
    assert (row.requests, row.delivered, row.given_up) == (2, 1, 1)
    assert (row.attempts, row.paid_attempts, row.rate_limited) == (13, 7, 1)
    assert row.score == 1 - 0.5 * 7
    assert (row.bound, row.regret) == (None, None)
    assert row.servers.server == SERVERS
    assert sum(row.servers.attempts) == 13
    columns = row.servers
    assert (sum(columns.succeeded), sum(columns.failed), sum(columns.rate_limited)) == (1, 11, 1)
    assert sum(columns.share) == pytest.approx(1, abs=0.01)
    assert [until > 0 for until in columns.until] == [n > 0 for n in columns.rate_limited]
    for low, mean, high in zip(columns.low, columns.mean, columns.high, strict=True):
        assert low is not None
        assert mean is not None
        assert high is not None
        assert 0 < low < mean < high < 1


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_strategy_can_be_shown(strategy: str) -> None:
    served = await played(strategy)
    async with admin(served) as http:
        schemas.Frame.model_validate_json((await http.get("/api/snapshot")).content)
        schemas.RouteDetail.model_validate_json((await http.get("/api/routes/v6-T2")).content)
        found = await http.get("/api/routes/v6-T2/decisions")
    moves = [each.move for each in schemas.Decisions.model_validate_json(found.content).decisions]
    assert moves[-1] == "give-up"
    assert 3 + 3 <= moves.count("send") <= 3 + 10
    assert moves.count("give-up") == 1


async def test_a_route_in_full() -> None:
    served = await played()
    served.truth = [0.9, 0.5, 0.1]
    served.pieces = {"from": [0.0, 5.0], "success": [[0.9, 0.5, 0.1], [0.0, 0.5, 0.1]]}
    served.faults = [{"servers": [0], "from": 5.0, "to": None, "kind": "down"}]
    async with admin(served) as http:
        detail = schemas.RouteDetail.model_validate_json(
            (await http.get("/api/routes/v6-T2")).content
        )
    assert detail.truth == [0.9, 0.5, 0.1]
    assert detail.pieces is not None
    begun = served.tally.first_arrival
    assert detail.pieces.start == [begun, begun + 5.0]
    (fault,) = detail.faults
    assert (fault.start, fault.end, fault.kind) == (begun + 5.0, None, "down")
    assert sum(detail.latency_histogram.count) == 2
    assert len(detail.latency_histogram.edges_ms) == len(detail.latency_histogram.count) + 1
    assert detail.endings == {"delivered": 1, "given-up": 1, "deadline": 0, "abandoned": 0}
    assert "until" in detail.beliefs


async def test_how_a_route_came_to_where_it_is() -> None:
    served = await played()
    async with admin(served) as http:
        view = LIVE[http].views["v6-T2"]
        view.history.add(5.0, view.frame(5.0))
        histories = (await http.get("/api/history")).content
        found = (await http.get("/api/routes/v6-T2/history")).content
        later = (await http.get("/api/routes/v6-T2/history?after=5")).json()
    (row,) = schemas.Histories.model_validate_json(histories).routes
    assert (row.route, row.time, row.requests, row.effort) == ("v6-T2", [5.0], [2], [6.5])
    shares = schemas.SharesHistory.model_validate_json(found)
    assert shares.servers == SERVERS
    assert sum(shares.share[0]) == pytest.approx(1, abs=0.01)
    assert later["time"] == later["share"] == []


async def test_the_last_decisions_say_why() -> None:
    served = await played()
    async with admin(served) as http:
        every = schemas.Decisions.model_validate_json(
            (await http.get("/api/routes/v6-T2/decisions")).content
        )
        rest = (await http.get("/api/routes/v6-T2/decisions?after=3")).json()["decisions"]
    assert every.servers == SERVERS
    first, second = every.decisions[:2]
    assert (first.request, first.attempt, first.move, first.outcome) == (1, 1, "send", "failed")
    assert first.eligible == [True] * 3
    assert second.eligible is not None
    assert second.eligible.count(False) == 1
    assert every.decisions[-1].move == "give-up"
    assert [decision["cursor"] for decision in rest] == list(range(4, 15))


@pytest.mark.parametrize("path", ["/api/routes/none", "/api/routes/none/decisions", "/api/nothing"])
async def test_what_there_is_not_is_404(path: str) -> None:
    async with admin(await played()) as http:
        response = await http.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_health() -> None:
    async with admin() as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
    async with admin(ready=False) as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1", 200), ("[::1]", 200), ("evil.example", 400)],
)
async def test_only_this_machines_names_are_answered(host: str, status: int) -> None:
    async with admin(host=host) as http:
        response = await http.get("/api/snapshot", headers={"Origin": "http://evil.example"})
    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers


async def test_metrics_count_what_constraints_did_not_hold() -> None:
    worn = Constrained(Thompson(), success_min=1.0)
    orders = route(answering(*[Outcome.FAILED] * 100), worn, name="orders")
    for _ in range(9):
        await deliver(orders)
    orders.learning(0.0)
    families = {each.name: each for each in Routes([orders], lambda: 0, {}).collect()}
    (sample,) = families["flb_constraint_violations"].samples
    assert sample.labels == {"route": "orders", "constraint": "success_min"}
    assert sample.value == worn.violations()["success_min"][0] > 0


async def test_metrics_count_what_the_tally_counts() -> None:
    async with admin(await played()) as http:
        text = (await http.get("/metrics")).text
    for line in (
        'flb_requests_total{code="200",route="v6-T2"} 1.0',
        'flb_requests_total{code="502",route="v6-T2"} 1.0',
        'flb_retries_total{route="v6-T2"} 11.0',
        'flb_paid_attempts_total{route="v6-T2"} 7.0',
        'flb_request_seconds_count{route="v6-T2"} 2.0',
        'flb_request_seconds_bucket{le="+Inf",route="v6-T2"} 2.0',
        "flb_records_lost_total 3.0",
    ):
        assert line in text
    counts = [line for line in text.splitlines() if line.startswith("flb_attempts_total")]
    assert sum(float(line.rpartition(" ")[2]) for line in counts) == 13
    assert len(counts) == len(SERVERS) * len(Outcome)


async def test_without_records_the_recorded_is_404_and_says_why() -> None:
    async with admin() as http:
        for path in ("/api/sessions", "/api/runs", "/api/runs/1/attempts.csv"):
            response = await http.get(path)
            assert response.status_code == 404
            assert "--no-records" in response.json()["detail"]


async def recorded(folder: Path) -> tuple[str, int]:
    """A session of one run with two requests; their names."""
    served = await played()
    with Recorder(folder) as recorder:
        session = recorder.start_session("serve")
        run = recorder.start_run(
            session,
            route="v6-T2",
            path="/",
            strategy="v6",
            scenario=None,
            servers=SERVERS,
            rules=Rules(3),
        )
        answers = [Outcome.FAILED, Outcome.SUCCEEDED]
        again = route(answering(*answers), registry.built_in("v6"))
        again.dispatcher._record = lambda event: recorder.record(run, event)
        await deliver(again)
        recorder.frame(run, 5.0, orjson.dumps({"time": 5.0, "routes": [View(served).frame(5.0)]}))
        recorder.finish_run(run)
        recorder.finish_session(session)
    return session, run


async def test_what_was_recorded(tmp_path: Path) -> None:
    session, run = await recorded(tmp_path)
    async with admin(records=Records(tmp_path)) as http:
        sessions = (await http.get("/api/sessions")).json()
        assert [schemas.SessionRow(**row).session for row in sessions] == [session]
        comparison = (await http.get(f"/api/sessions/{session}")).json()
        assert [run.score for run in schemas.SessionDetail(**comparison).runs] == [1.0]
        rows = (await http.get("/api/runs")).json()
        assert [schemas.RunRow(**row).run for row in rows] == [run]
        assert schemas.RunDetail(**(await http.get(f"/api/runs/{run}")).json()).delivered == 1
        frames = await http.get(f"/api/runs/{run}/frames")
        assert [schemas.Frame.model_validate(frame).time for frame in frames.json()] == [5.0]
        for whole in (f"/api/runs/{run}/overview", f"/api/sessions/{session}/overview"):
            assert (await http.get(whole)).json() == frames.json()
        page = (await http.get(f"/api/runs/{run}/attempts?limit=1")).json()
        assert [row.outcome for row in schemas.Attempts(**page).attempts] == ["failed"]
        rest = (await http.get(f"/api/runs/{run}/attempts?after={page['next']}")).json()
        assert [row["outcome"] for row in rest["attempts"]] == ["succeeded"]
        assert rest["next"] is None
        csv = (await http.get(f"/api/runs/{run}/attempts.csv")).text
        assert csv.count(ID) == 2


@pytest.mark.parametrize(
    "path", ["/api/sessions/../../etc", "/api/sessions/none", "/api/runs/99", "/api/runs/99/frames"]
)
async def test_unknown_records_are_404(path: str, tmp_path: Path) -> None:
    await recorded(tmp_path)
    async with admin(records=Records(tmp_path)) as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/runs/x", "/api/runs/1/attempts?limit=0", "/api/routes/v6-T2/decisions?after=-1"]
)
async def test_wrong_parameters_are_422(path: str, tmp_path: Path) -> None:
    await recorded(tmp_path)
    async with admin(records=Records(tmp_path)) as http:
        response = await http.get(path)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_catalogue() -> None:
    async with admin() as http:
        rows = (await http.get("/api/strategies")).json()
    assert [row["name"] for row in rows][: len(STRATEGIES)] == list(STRATEGIES)
    (v6,) = (row for row in rows if row["name"] == "v6")
    assert v6["parameters"]["cooldown"] == 1.0


@pytest.mark.parametrize("length", [True, False], ids=["announced", "chunked"])
async def test_bodies_are_bounded(length: bool) -> None:
    large = b" " * (LARGEST_BODY + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    async with admin() as http:
        for send in (http.post, http.patch):
            path = "/api/play" if send == http.post else "/api/sessions/any"
            response = await send(path, content=large if length else pieces())
            assert response.status_code == 413
            assert response.headers["Connection"] == "close"
            assert str(LARGEST_BODY) in response.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=str,
)
async def test_what_changes_something_is_refused_from_other_origins(
    headers: dict[str, str], tmp_path: Path
) -> None:
    async with admin(records=Records(tmp_path)) as http:
        for method, path in (("PATCH", "any"), ("DELETE", "any")):
            url = f"/api/sessions/{path}"
            refused = await http.request(method, url, headers=headers, json={})
            own = {"Origin": "http://localhost:8001", "Sec-Fetch-Site": "same-origin"}
            allowed = await http.request(method, url, headers=own, json={})
            assert (refused.status_code, allowed.status_code) == (403, 404)
        assert (await http.get("/livez", headers=headers)).status_code == 200


async def test_sessions_are_named_tagged_pinned_found_and_deleted(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        session = recorder.start_session("harness")
        start_run(recorder, session)
        other = recorder.start_session("serve")
        recorder.validity(session, False, ["sent late"], {"p50": 1.0, "p99": 80.5, "max": 90.0})
        recorder.flush()
        path = f"/api/sessions/{session}"
        async with admin(records=Records(tmp_path)) as http:
            changes = {"name": "Before the fix", "tags": ["Baseline"], "pinned": True}
            changed = await http.patch(path, json=changes)
            detail = schemas.SessionDetail.model_validate_json(changed.content)
            assert (detail.name, detail.tags, detail.pinned) == (
                "Before the fix",
                ["Baseline"],
                True,
            )
            assert (detail.valid, detail.why) == (False, ["sent late"])
            assert detail.late_ms == {"p50": 1.0, "p99": 80.5, "max": 90.0}
            noted = (await http.patch(path, json={"note": "slow disk", "name": None})).json()
            assert (noted["name"], noted["note"], noted["pinned"]) == (None, "slow disk", True)
            for words, found in (("DISK base", [session]), ("v4", [session]), ("nothing", [])):
                rows = (await http.get("/api/sessions", params={"search": words})).json()
                assert [row["session"] for row in rows] == found
            assert (await http.patch("/api/sessions/none", json={})).status_code == 404
            for wrong in (
                {"tags": ["x" * 51]},
                {"name": "x" * 201},
                {"started": 0},
                {"tags": None},
            ):
                assert (await http.patch(path, json=wrong)).status_code == 422
            assert (await http.delete(path)).status_code == 409
            recorder.finish_run(1)
            recorder.finish_session(session)
            recorder.flush()
            assert (await http.delete(path)).status_code == 204
            assert (await http.delete(path)).status_code == 404
            rows = (await http.get("/api/sessions")).json()
            assert [row["session"] for row in rows] == [other]


async def test_play() -> None:
    asked = {
        "strategy": "v4",
        "servers": 2,
        "story": [*[{"server": 1, "outcome": "succeeded"}] * 30, *[{"rates": [0, 1]}] * 5],
    }
    async with admin() as http:
        answer = (await http.post("/api/play", json=asked)).content
    played = schemas.Played.model_validate_json(answer)
    assert [move.server for move in played.moves] == [1]
    assert played.beliefs["mean"][1] == pytest.approx(36 / 37)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "v99"},
        {"strategy": "os:system"},
        {"strategy": "v6:cooldown=-1"},
        {"servers": 0},
        {"servers": 21},
        {"story": [{"rates": [1.5, 0.5]}]},
        {"story": [{"rates": [0.5]}]},
        {"story": [{"rates": [0.5, 0.5]}] * 1001},
        {"story": [{"server": 2, "outcome": "succeeded"}]},
        {"story": [{"server": 0, "outcome": "cancelled"}]},
        {"more": 1},
    ],
)
async def test_play_refuses_what_is_wrong(wrong: dict[str, object]) -> None:
    asked = {"strategy": "v4", "rates": [0.0, 1.0], **wrong}
    async with admin() as http:
        response = await http.post("/api/play", json=asked)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_description_names_every_answer() -> None:
    async with admin() as http:
        description = (await http.get("/openapi.json")).json()
    for path in ("/api/snapshot", "/api/routes/{route}", "/api/runs/{run}/frames", "/api/play"):
        assert path in description["paths"]
    assert {"Frame", "RouteDetail", "Decisions", "Played"} <= set(
        description["components"]["schemas"]
    )


async def test_damaged_records_are_named_and_said_to_be_so(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.finish_session(recorder.start_session("harness"))
    file = tmp_path / "records.db"
    file.write_bytes(b"not a database" + file.read_bytes()[14:])
    async with admin(records=Records(tmp_path)) as http:
        answer = await http.get("/api/sessions")
    assert answer.status_code == 500
    assert str(file) in answer.json()["detail"]
    assert "not a database" in answer.json()["detail"]
