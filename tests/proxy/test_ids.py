"""Every status that the contract promises, and that wrong requests cost no attempt."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from flaky_load_balancer.core.events import Attempt as AttemptEvent
from flaky_load_balancer.core.events import Event, Rewarded
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Floats, Outcome, Reward
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.gate import Gate
from flaky_load_balancer.proxy.http1 import HttpServer
from flaky_load_balancer.proxy.ids import LARGEST
from flaky_load_balancer.proxy.outcomes import Answer, Worth
from flaky_load_balancer.proxy.plane import DataPlane
from flaky_load_balancer.proxy.route import Route
from tests.proxy.http1.wire import HOST, head_of, opened, running
from tests.routes import ID, SERVERS, Send, answering, route
from tests.scripted import Scripted

PLAIN = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}


@asynccontextmanager
async def client(*routes: Route, gate: Gate | None = None) -> AsyncIterator[httpx.AsyncClient]:
    plane = DataPlane(gate or Gate(100))
    plane.load([], routes)
    server = HttpServer(plane.handle, admission=plane)
    async with (
        running(server) as port,
        httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False) as http,
    ):
        yield http


def is_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


async def posted(
    send: Send, moves: Iterable[int] = (0,) * 10, **options: Any
) -> tuple[httpx.Response, Route]:
    served = route(send, moves, **options)
    async with client(served) as http:
        return await http.post("/", content=ID, headers=PLAIN), served


async def test_delivered() -> None:
    response, _ = await posted(answering(Outcome.FAILED, Outcome.SUCCEEDED), [0, 2])
    assert response.status_code == 200
    assert response.json() == {
        "id": ID,
        "status": "delivered",
        "server": SERVERS[2],
        "attempts": 2,
    }
    assert response.headers["X-FLB-Server"] == SERVERS[2]
    assert response.headers["X-FLB-Attempts"] == "2"
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (ID, PLAIN),
        (ID, {}),
        (ID, {"Content-Type": "text/plain; charset=utf-8"}),
        (json.dumps({"id": ID}), JSON),
        (json.dumps({"id": ID}), {"Content-Type": "application/json; charset=UTF-8"}),
        (json.dumps({"id": ID, "more": [1]}), JSON),
    ],
)
async def test_an_id_as_text_or_json(body: str, headers: dict[str, str]) -> None:
    async with client(route(answering(Outcome.SUCCEEDED))) as http:
        response = await http.post("/", content=body, headers=headers)
    assert response.json()["id"] == ID


async def test_given_up_after_a_failure_is_502() -> None:
    response, _ = await posted(answering(*[Outcome.FAILED, *[Outcome.RATE_LIMITED] * 9]))
    body = is_problem(response, 502)
    assert (body["id"], body["result"], body["attempts"]) == (ID, "given-up", 10)
    assert response.headers["X-FLB-Attempts"] == "10"
    assert response.headers["X-FLB-Server"] == SERVERS[0]


async def test_refused_everywhere_is_429_with_a_time_to_come_back() -> None:
    response, _ = await posted(answering(Outcome.RATE_LIMITED), [0, GIVE_UP])
    body = is_problem(response, 429)
    assert (body["id"], body["result"], body["attempts"]) == (ID, "given-up", 1)
    assert response.headers["Retry-After"] == "1"


async def test_no_attempt_at_all_is_429() -> None:
    response, _ = await posted(answering(), [GIVE_UP])
    assert is_problem(response, 429)["attempts"] == 0


async def test_retry_after_is_when_the_first_server_wakes() -> None:
    class Cooling(Scripted):
        def beliefs(self, now: Floats) -> dict[str, Floats]:
            return {"until": np.array([[now[0] + 9.1, now[0] + 7.2, now[0] + 4.5]])}

    served = route(answering(Outcome.RATE_LIMITED), Cooling([0, GIVE_UP]))
    async with client(served) as http:
        response = await http.post("/", content=ID)
    assert response.headers["Retry-After"] == "5"


async def test_retry_after_is_at_least_what_the_servers_asked_for() -> None:
    refusals = [Answer(Outcome.RATE_LIMITED, retry_after=wait) for wait in (30.0, 7.0, 9.0)]
    async with client(route(answering(*refusals), [0, 1, 2, GIVE_UP])) as http:
        response = await http.post("/", content=ID)
    assert response.headers["Retry-After"] == "7"


async def test_a_server_that_was_not_asked_is_awake() -> None:
    refusals = [Answer(Outcome.RATE_LIMITED, retry_after=30.0)] * 2
    async with client(route(answering(*refusals), [0, 1, GIVE_UP])) as http:
        response = await http.post("/", content=ID)
    assert response.headers["Retry-After"] == "1"


async def test_the_deadline_is_504() -> None:
    response, served = await posted(
        answering(*[Outcome.SUCCEEDED] * 9, after=5.0), deadline=0.5, attempt_timeout=0.3
    )
    body = is_problem(response, 504)
    assert (body["id"], body["result"], body["attempts"]) == (ID, "given-up", 2)
    assert served.tally.outcomes[Outcome.CANCELLED] == [1, 0, 0]


async def test_more_than_there_is_room_for_is_503() -> None:
    served = route(answering(after=60))  # with room for eight
    async with client(served) as http:
        inside = [asyncio.create_task(http.post("/", content=ID)) for _ in range(8)]
        while served.dispatcher.in_flight < 8:
            await asyncio.sleep(0.001)
        refused = await http.post("/", content=ID)
        for each in inside:
            each.cancel()
    body = is_problem(refused, 503)
    assert (body["id"], body["result"], body["attempts"]) == (ID, "given-up", 0)
    assert int(refused.headers["Retry-After"]) >= 1


async def test_while_shutting_down_what_is_new_and_what_takes_too_long_is_503() -> None:
    gate = Gate(10)
    served = route(answering(Outcome.SUCCEEDED, after=60))
    async with client(served, gate=gate) as http:
        long = asyncio.create_task(http.post("/", content=ID))
        while not served.dispatcher.decisions:
            await asyncio.sleep(0.001)
        closing = asyncio.create_task(gate.close(grace=0.05))
        while not gate.closing:
            await asyncio.sleep(0)
        is_problem(await http.post("/", content=ID), 503)
        await closing
        body = is_problem(await long, 503)
    assert (body["id"], body["result"]) == (ID, "given-up")
    assert served.tally.outcomes[Outcome.CANCELLED][0] == 1


WRONG = [
    (400, b'{"id": ', JSON),
    (400, b"", JSON),
    (400, b"[" * 4000, JSON),
    (400, b"\xff\xfe" * 12, PLAIN),
    (400, b'{"id": "' + ID.encode() + b'", "id": "' + ID.encode() + b'"}', JSON),
    (400, b'{"id": "' + ID.encode() + b'", "a": {"b": 1, "b": 2}}', JSON),
    (400, b'{"id": "' + ID.encode() + b'", "a": NaN}', JSON),
    (400, ID.encode(), [("Content-Type", "image/png"), ("Content-Type", "text/plain")]),
    (400, ID.encode(), [("Content-Encoding", "gzip"), ("Content-Encoding", "identity")]),
    (413, b"a" * (LARGEST + 1), PLAIN),
    (413, b"a" * 10_000_000, PLAIN),
    (415, ID.encode(), {"Content-Type": "application/xml"}),
    (415, ID.encode(), {"Content-Type": "application/x-www-form-urlencoded"}),
    (415, ID.encode(), {"Content-Type": "text/plain; charset=utf-16"}),
    (415, ID.encode(), {**PLAIN, "Content-Encoding": "gzip"}),
    (422, b"", PLAIN),
    (422, b"a" * 23, PLAIN),
    (422, b"a" * 25, PLAIN),
    (422, b"a" * 24 + b"\n", PLAIN),
    (422, b"a-" * 12, PLAIN),
    (422, ("\u0661" * 24).encode(), PLAIN),  # Arabic digits are digits to many a library
    (422, ("\u00e9" * 24).encode(), PLAIN),
    (422, b'{"id": 7}', JSON),
    (422, b'{"id": null}', JSON),
    (422, b'{"ID": "' + ID.encode() + b'"}', JSON),
    (422, b'["' + ID.encode() + b'"]', JSON),
    (422, b'"' + ID.encode() + b'"', JSON),
    (422, b'{"id": "\\ud800aaaaaaaaaaaaaaaaaaaaaaa"}', JSON),
]


@pytest.mark.parametrize(("status", "body", "headers"), WRONG)
async def test_a_wrong_request_is_told_why_and_never_sent(
    status: int, body: bytes, headers: dict[str, str] | list[tuple[str, str]]
) -> None:
    served = route(answering())
    async with client(served) as http:
        response = await http.post("/", content=body, headers=headers)
    assert is_problem(response, status)["status"] == status
    assert response.headers["X-Request-ID"]
    assert response.headers["X-FLB-Attempts"] == "0"
    assert served.tally.requests == served.tally.attempts == 0
    assert served.dispatcher.in_flight == 0


@pytest.mark.parametrize("path", ["/nothing", "//", "/v4", "/docs", "/openapi.json", "/%00"])
async def test_an_unknown_path_is_404(path: str) -> None:
    async with client(route(answering())) as http:
        response = await http.post(
            f"{http.base_url}".rstrip("/") + path, content=ID, headers={"X-Request-ID": "mine"}
        )
    is_problem(response, 404)
    assert response.headers["X-Request-ID"] == "mine"
    assert response.headers["X-FLB-Attempts"] == "0"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_405(method: str) -> None:
    async with client(route(answering())) as http:
        response = await http.request(method, "/")
    is_problem(response, 405)
    assert response.headers["Allow"] == "POST"
    assert response.headers["X-Request-ID"]


async def test_each_route_has_its_path_and_its_own_books() -> None:
    one = route(answering(Outcome.SUCCEEDED), name="one", path="/v6/T2")
    other = route(answering(Outcome.SUCCEEDED), name="other", path="/v6:cooldown=0.5/T2")
    async with client(one, other) as http:
        assert (await http.post("/v6/T2", content=ID)).status_code == 200
        assert (await http.post("/v6:cooldown=0.5/T2", content=ID)).status_code == 200
        assert (await http.post("/", content=ID)).status_code == 404
    assert one.tally.delivered == other.tally.delivered == 1


async def test_the_clients_request_id_comes_back_if_it_is_sane() -> None:
    async with client(route(answering(*[Outcome.SUCCEEDED] * 2))) as http:
        named = await http.post("/", content=ID, headers={"X-Request-ID": "abc-123"})
        strange = await http.post("/", content=ID, headers={"X-Request-ID": "a b" * 100})
    assert named.headers["X-Request-ID"] == "abc-123"
    assert len(strange.headers["X-Request-ID"]) == 32


async def test_a_fault_of_ours_is_a_500_and_frees_the_slot() -> None:
    served = route(answering(), [7])  # no such server
    async with client(served) as http:
        response = await http.post("/", content=ID)
    is_problem(response, 500)
    assert served.dispatcher.in_flight == 0


async def begun(http: httpx.AsyncClient, begin: bytes) -> bytes:
    """The head of the answer to a request whose body does not come to its end."""
    assert http.base_url.port is not None
    reader, writer = await opened(http.base_url.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + begin)
    head = await head_of(reader)
    writer.close()
    return head


HALF = b"Content-Length: 24\r\n\r\n" + ID[:10].encode()
ENDLESS = b"Transfer-Encoding: chunked\r\n\r\n1001\r\n" + b"a" * (LARGEST + 1)


async def test_a_body_in_pieces_is_not_read_beyond_the_limit() -> None:
    async with client(route(answering())) as http:
        assert b" 413 " in await begun(http, ENDLESS)


@pytest.mark.slow
async def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaky_load_balancer.proxy.ids.SLOWEST_BODY", 0.05)
    async with client(route(answering())) as http:
        assert b" 408 " in await begun(http, HALF)


async def test_a_body_that_is_still_coming_does_not_hold_up_a_shutdown() -> None:
    gate = Gate(10)
    async with client(route(answering()), gate=gate) as http:
        sending = asyncio.create_task(begun(http, HALF))
        while not gate.in_flight:
            await asyncio.sleep(0.001)
        await gate.close(grace=0.05)
        assert b" 503 " in await sending


async def hang_up(served: Route) -> None:
    """Post an id, and hang up while it is under way."""
    async with client(served) as http:
        posting = asyncio.create_task(http.post("/", content=ID))
        while not served.dispatcher.decisions:
            await asyncio.sleep(0.001)
        posting.cancel()
        while served.dispatcher.in_flight:
            await asyncio.sleep(0.001)


async def test_a_client_that_hangs_up_cancels_its_attempt() -> None:
    served = route(answering(Outcome.SUCCEEDED, after=60))
    await hang_up(served)
    assert served.tally.outcomes[Outcome.CANCELLED] == [1, 0, 0]


async def test_a_client_that_hangs_up_ends_a_hold() -> None:
    served = route(answering(), [HOLD] * 100)
    await hang_up(served)
    assert served.tally.attempts == 0


async def test_a_path_is_compared_as_it_is_sent() -> None:
    served = route(answering(Outcome.SUCCEEDED), path="/v6:cooldown=0.5/T2")
    async with client(served) as http:
        response = await http.post("/v6%3Acooldown=0.5/T2", content=ID)
    is_problem(response, 404)
    assert served.tally.requests == 0


async def test_an_answer_with_a_retry_after_reaches_the_strategy() -> None:
    strategy = Scripted([0, GIVE_UP])
    answer = Answer(Outcome.RATE_LIMITED, retry_after=4.0)
    async with client(route(answering(answer), strategy)) as http:
        await http.post("/", content=ID)
    assert strategy.retry_after == [4.0]


async def test_a_client_may_say_the_size_of_its_request() -> None:
    sizes: list[float | None] = []

    async def send(attempt: Attempt, request_id: str) -> Answer:
        sizes.append(attempt.size)
        return Answer(Outcome.SUCCEEDED)

    served = route(answering(), [0] * 9)
    served.send = send
    async with client(served) as http:
        await http.post("/", content=ID, headers={"X-FLB-Size": "250"})
        await http.post("/", content=ID)
        for wrong in ("many", "0", "-1", "1.5", "9" * 20):
            refused = await http.post("/", content=ID, headers={"X-FLB-Size": wrong})
            assert "X-FLB-Size" in is_problem(refused, 400)["detail"]
    assert sizes == [250.0, None]


async def test_requests_may_have_to_say_their_features() -> None:
    served = route(answering(Outcome.SUCCEEDED), [0] * 9)
    served.balancer.rules = replace(served.balancer.rules, features=2)
    async with client(served) as http:
        said = await http.post("/", content=ID, headers={"X-FLB-Features": "1,-0.5"})
        assert said.status_code == 200
        for wrong in ("", "1", "1,2,3", "1,x", "1,nan", "1;2"):
            refused = await http.post("/", content=ID, headers={"X-FLB-Features": wrong})
            assert "expected 2 numbers" in is_problem(refused, 400)["detail"]


class Judged(Scripted):
    """Remembers what answers were worth."""

    def __init__(self, arms: Iterable[int]) -> None:
        super().__init__(arms)
        self.values: list[float] = []

    def reward(self, reward: Reward) -> None:
        self.values += reward.value.tolist()


async def test_what_a_server_says_of_its_answer_is_learnt_when_it_is_known() -> None:
    events: list[Event] = []
    strategy = Judged([0] * 9)
    served = route(answering(), strategy)
    served.dispatcher._record = events.append
    served.balancer.rules = replace(served.balancer.rules, rewards=True)
    worths = iter([Worth(0.75, 0.0, 0.01), Worth(0.25, after=0.02), Worth()])

    async def send(attempt: Attempt, request_id: str) -> Answer:
        attempt.worth = next(worths)
        attempt.cost = attempt.worth.cost
        return Answer(Outcome.SUCCEEDED)

    served.send = send
    async with client(served) as http:
        for _ in range(3):
            await http.post("/", content=ID)
        assert strategy.values == [0.75]
        while len(strategy.values) < 2:
            await asyncio.sleep(0.005)
    assert strategy.values == [0.75, 0.25]
    assert [event.value for event in events if isinstance(event, Rewarded)] == [0.75, 0.25]
    assert [event.cost for event in events if isinstance(event, AttemptEvent)] == [0.01, None, None]
