"""Any HTTP: what clients get, and what each server saw, to the request."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from flaky_load_balancer.config import Game, Retry, RouteSettings, Scoring, ServerSettings, Timeouts
from tests.service.origins import free_url, origins, serving, settings

KEY = {"Idempotency-Key": "7"}
UNCLEAR = ["reset", "close", "garbage", "half-head", "500", "503"]
SURE = ["429", "503-later", "425"]


async def test_a_request_passes_as_it_came_and_its_answer_as_it_is() -> None:
    async with origins(["404"]) as (origin,), serving(settings([origin.url])) as served:
        answer = await served.http.request(
            "BREW", "/pot?x=%20&x=2", content=b"\x00beans", headers={"X-A": "1", "Cookie": "a=b"}
        )
        (seen,) = origin.seen
    assert (answer.status_code, answer.reason_phrase, answer.text) == (404, "Not here", "gone")
    assert answer.headers["X-FLB-Server"] == origin.url
    assert answer.headers["X-FLB-Attempts"] == "1"
    assert answer.headers["X-Request-ID"] == seen.all("x-request-id")[0]
    assert (seen.method, seen.target, seen.body) == ("BREW", "/pot?x=%20&x=2", b"\x00beans")
    assert seen.all("x-a") == ["1"]
    assert seen.all("host") == [origin.url.removeprefix("http://")]
    assert seen.all("x-forwarded-for") == ["127.0.0.1"]


@pytest.mark.parametrize("fate", UNCLEAR)
async def test_what_may_have_been_processed_is_repeated_only_if_it_may_be(fate: str) -> None:
    async with (
        origins([fate], ["ok"]) as (bad, good),
        serving(settings([bad.url, good.url])) as served,
    ):
        post = await served.http.post("/", content=b"once")
        assert (len(bad.seen), len(good.seen)) == (1, 0)
        assert post.status_code == (int(fate) if fate.isdigit() else 502)
        assert post.headers["X-FLB-Attempts"] == "1"
        for method, headers in (("GET", {}), ("PUT", {}), ("POST", KEY)):
            before = len(good.seen)
            answer = await served.http.request(method, "/", headers=headers)
            assert answer.text == "ok"
            assert len(good.seen) == before + 1
    assert [each.method for each in bad.seen].count("POST") <= 2  # with a key: once more


@pytest.mark.parametrize("fate", SURE)
async def test_what_was_surely_not_processed_is_repeated_always(fate: str) -> None:
    async with (
        origins([fate], ["ok"]) as (bad, good),
        serving(settings([bad.url, good.url])) as served,
    ):
        answer = await served.http.post("/", content=b"body")
        assert (answer.text, answer.headers["X-FLB-Attempts"]) == ("ok", "2")
    assert [each.body for each in (*bad.seen, *good.seen)] == [b"body", b"body"]


async def test_nobody_listens_and_the_next_server_gets_it_all_the_same() -> None:
    async with origins(["ok"]) as (good,), serving(settings([free_url(), good.url])) as served:
        for _ in range(4):
            assert (await served.http.post("/", content=b"x")).text == "ok"
        assert served.route().tally.possibly_twice == 0
        assert served.route().tally.failures[0].reason == "refused"
    assert len(good.seen) == 4


async def test_too_early_is_told_to_a_client_that_was_early() -> None:
    async with (
        origins(["425"], ["ok"]) as (early, other),
        serving(settings([early.url, other.url])) as served,
    ):
        answer = await served.http.get("/", headers={"Early-Data": "1"})
    assert (answer.status_code, len(other.seen)) == (425, 0)


async def test_the_last_answer_is_the_clients_if_there_is_no_better_one() -> None:
    plans = [["503"], ["500"], ["500"]]
    async with origins(*plans) as found, serving(settings([each.url for each in found])) as served:
        answer = await served.http.get("/")
        assert (answer.status_code, answer.reason_phrase, answer.text) == (500, "Oops", "oops")
        assert answer.headers["X-Mine"] == "yes"
        assert answer.headers["X-FLB-Attempts"] == "3"
        assert answer.headers["X-FLB-Server"] == found[2].url
    assert [len(each.seen) for each in found] == [1, 1, 1]


async def test_a_large_failed_answer_is_passed_on_whole() -> None:
    async with (
        origins(["large-500"], ["large-500"]) as found,
        serving(settings([each.url for each in found], game=Scoring(max_attempts=2))) as served,
    ):
        for _ in range(3):
            answer = await served.http.get("/")
            assert (answer.status_code, len(answer.content)) == (500, 300_000)


async def test_when_all_refused_the_client_hears_when_the_first_one_wakes() -> None:
    async with (
        origins(["429"], ["429"]) as found,
        serving(settings([each.url for each in found])) as served,
    ):
        answer = await served.http.get("/")
    assert (answer.status_code, answer.text) == (429, "slow")
    assert 5 <= int(answer.headers["Retry-After"]) <= 7


async def test_without_any_answer_there_are_problem_details() -> None:
    async with serving(settings([free_url(), free_url()])) as served:
        answer = await served.http.get("/")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-FLB-Attempts"] == "3"
    assert "refused" in answer.json()["detail"]


async def test_the_deadline_is_one_for_all_attempts() -> None:
    timeouts = Timeouts(1.0, 10.0, 10.0, 0.3)
    async with (
        origins(["hang"], ["hang"]) as found,
        serving(settings([each.url for each in found], timeouts=timeouts)) as served,
    ):
        answer = await served.http.get("/")
        assert answer.status_code == 504
        tally = served.route().tally
        assert [sum(column) for column in tally.outcomes] == [0, 0, 0, 1]  # cancelled: no evidence


async def test_silence_is_a_failure_after_first_byte() -> None:
    timeouts = Timeouts(1.0, 0.2, 10.0, 10.0)
    async with (
        origins(["hang"], ["ok"]) as (silent, good),
        serving(settings([silent.url, good.url], timeouts=timeouts)) as served,
    ):
        assert (await served.http.get("/")).text == "ok"
        assert served.route().tally.failures[0].reason == "timeout"
        assert served.route().tally.possibly_twice == 1
        post = await served.http.post("/")
        assert post.status_code == 502
    assert len(good.seen) == 1


async def test_silence_on_a_kept_connection_is_no_word_that_nothing_was_processed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flaky_load_balancer.proxy.http1.client.acknowledged", lambda _: 7)
    timeouts = Timeouts(1.0, 0.2, 10.0, 10.0)
    async with (
        origins(["ok", "hang"], ["ok"]) as (slow, quick),
        serving(settings([slow.url, quick.url], timeouts=timeouts)) as served,
    ):
        for _ in range(2):
            assert (await served.http.get("/")).text == "ok"
        assert (await served.http.post("/")).status_code == 502
    assert len(slow.seen) == 2
    assert len(quick.seen) == 1


@pytest.mark.parametrize("fate", ["half-body", "half-chunk"])
async def test_an_answer_that_breaks_off_breaks_off_for_the_client(fate: str) -> None:
    async with (
        origins([fate], ["ok"]) as (bad, good),
        serving(settings([bad.url, good.url])) as served,
    ):
        with pytest.raises(httpx.TransportError):
            await served.http.get("/")
        tally = served.route().tally
        assert (tally.delivered, tally.outcomes[1]) == (0, [1, 0])
    assert len(good.seen) == 0  # a byte of an answer had been sent


async def test_a_body_larger_than_the_buffer_is_sent_once() -> None:
    async with (
        origins(["500"], ["ok"]) as (bad, good),
        serving(settings([bad.url, good.url], retry=Retry(buffer=1000))) as served,
    ):
        large = await served.http.put("/", content=5000 * b"x")
        assert (large.status_code, len(good.seen)) == (500, 0)
        await served.http.put("/", content=b"turn")  # it is the other server's turn
        small = await served.http.put("/", content=900 * b"x")
        assert small.text == "ok"
    assert [len(each.body) for each in bad.seen] == [5000, 900]


async def test_a_chunked_body_is_replayed() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one,"
        await asyncio.sleep(0.01)
        yield b"two"

    async with (
        origins(["503-later"], ["ok"]) as (bad, good),
        serving(settings([bad.url, good.url])) as served,
    ):
        assert (await served.http.post("/", content=pieces())).text == "ok"
    assert good.seen[0].body == b"one,two"


async def test_an_empty_retry_budget_ends_a_request_with_the_answer_that_it_has() -> None:
    retry = Retry(budget_percent=0, budget_per_second=0.2)  # a reserve of two
    async with (
        origins(["500"], ["500"]) as found,
        serving(settings([each.url for each in found], retry=retry)) as served,
    ):
        made = [(await served.http.get("/")).headers["X-FLB-Attempts"] for _ in range(3)]
        assert served.route().dispatcher.policy.budget.exhausted >= 2
    assert made == ["3", "1", "1"]


async def test_servers_headers_base_path_and_prefix() -> None:
    async with origins(["ok"]) as (origin,):
        found = settings([f"{origin.url}/base/"], strip_path=True, flb_headers=False)
        pool = found.pools["p"]
        server = replace(pool.servers[0], headers=(("authorization", "secret"),))
        route = replace(found.routes[0], path="/api")
        found = replace(found, pools={"p": replace(pool, servers=(server,))}, routes=(route,))
        async with serving(found) as served:
            answer = await served.http.get("/api/x?y", headers={"Authorization": "mine"})
            missing = await served.http.get("/other")
            dotted = await served.http.get("/api/%2e%2e/x")
    assert origin.seen[0].target == "/base/x?y"
    assert origin.seen[0].all("authorization") == ["secret"]
    assert not {"x-flb-server", "x-request-id"} & set(answer.headers)
    assert (missing.status_code, dotted.status_code, len(origin.seen)) == (404, 400, 1)


async def test_a_client_that_hangs_up_is_cancelled_at_the_server() -> None:
    async with origins(["hang"]) as (origin,), serving(settings([origin.url])) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await _until(lambda: len(origin.seen) == 1)
        writer.transport.abort()
        tally = served.route().tally
        await _until(lambda: tally.requests == 1)
        assert [sum(column) for column in tally.outcomes] == [0, 0, 0, 1]
        assert tally.codes == {499: 1}
        assert served.service.routes.pools["p"].servers[0].in_flight == 0


async def test_max_in_flight_drain_and_ready() -> None:
    async with origins(["hold", "ok"], ["ok"]) as (one, other):
        found = settings([one.url, other.url])
        limited = replace(ServerSettings.at(one.url), max_in_flight=1)
        pool = replace(found.pools["p"], servers=(limited, found.pools["p"].servers[1]))
        async with serving(replace(found, pools={"p": pool})) as served:
            held = asyncio.create_task(served.http.get("/"))
            await _until(lambda: len(one.seen) == 1)
            for _ in range(3):
                assert (await served.http.get("/")).headers["X-FLB-Server"] == other.url
            path = f"/api/pools/p/servers/{other.url.replace('/', '%2F')}"
            assert (await served.admin.post(f"{path}/drain")).status_code == 204
            full = await served.http.get("/")
            assert (full.status_code, full.headers["Retry-After"]) == (503, "1")
            snapshot = (await served.admin.get("/api/snapshot")).json()
            assert snapshot["routes"][0]["servers"]["state"] == ["full", "draining"]
            one.held.set()
            assert (await held).text == "ok"
            assert (await served.http.get("/")).headers["X-FLB-Server"] == one.url
            assert (await served.admin.post(f"{path}/ready")).status_code == 204
            assert (await served.admin.post("/api/pools/p/servers/x/drain")).status_code == 404
            assert (await served.admin.post("/api/reload")).status_code == 409
    assert len(other.seen) == 3


async def test_answers_before_the_body_is_read_and_expect() -> None:
    async with origins(["ok"]) as (origin,), serving(settings([origin.url])) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        await reader.readline()
        writer.write(b"body")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert origin.seen[0].body == b"body"
    assert origin.seen[0].all("expect") == []


async def test_a_body_that_does_not_come_gets_408() -> None:
    timeouts = Timeouts(1.0, 10.0, 0.2, 10.0)
    async with origins(["ok"]) as (origin,):
        found = settings([origin.url], timeouts=timeouts)
        game = RouteSettings.of_ids("game", "/game", "p", "v4", Game())
        async with serving(replace(found, routes=(*found.routes, game))) as served:
            for path in (b"/", b"/game"):
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo" % path)
                assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
                writer.close()


async def test_a_body_that_is_broken_when_it_comes_gets_400_at_once() -> None:
    async with origins(["ok"]) as (origin,), serving(settings([origin.url])) as served:
        for chunks in (b"zz\r\n", b"3\nabc\r\n0\r\n\r\n", b"3\r\nabcX0\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            writer.write(head + chunks)
            async with asyncio.timeout(10):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"Connection: close" in answer
            writer.close()
        assert served.route().tally.outcomes[1] == [0]  # no failure of the server's


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)
