"""``flb serve`` in front of servers of somebody else, which remember every attempt they saw."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flaky_load_balancer.harness.client import request_ids
from flaky_load_balancer.records import Records
from tests.programs import (
    ended,
    eventually,
    free_range,
    is_free,
    nobody_left,
    port_of,
    said,
    started,
)
from tests.service.thread import in_a_thread

ANY = ("--port", "0", "--admin-port", "0", "--json", "-")


class Flaky:
    """A server with a memory; ``plan`` says what the n-th attempt gets."""

    def __init__(self, plan: list[str]) -> None:
        self.plan = plan
        self.seen: list[tuple[str, str]] = []  # ids, and what was done about them
        self.url = ""

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"POST / HTTP/1.1\r\n")
                assert b"content-type: text/plain\r\n" in head.lower()
                request_id = (await reader.readexactly(24)).decode()
                does = self.plan[len(self.seen) % len(self.plan)]
                self.seen.append((request_id, does))
                if not await self._act(does, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _act(self, does: str, writer: asyncio.StreamWriter) -> bool:
        """Do it; whether the connection goes on."""
        kind, _, seconds = does.partition(" ")
        if kind == "reset":
            return False
        if kind in {"slow", "hang"}:
            await asyncio.sleep(float(seconds))
        status, more = {
            "429": ("429 No", f"Retry-After: {seconds}\r\n"),
            "503": ("503 No", f"Retry-After: {seconds}\r\n"),
            "500": ("500 Oh", ""),
        }.get(kind, ("200 OK", ""))
        writer.write(f"HTTP/1.1 {status}\r\n{more}Content-Length: 2\r\n\r\nhi".encode())
        return True


OUTCOMES = {"ok": "succeeded", "slow": "succeeded", "429": "rate-limited", "503": "rate-limited"}


def outcome(does: str) -> str:
    return OUTCOMES.get(does.partition(" ")[0], "failed")


@contextmanager
def flaky(*plans: list[str]) -> Iterator[list[Flaky]]:
    """Servers that do as planned, each request one thing."""
    servers = [Flaky(plan) for plan in plans]

    async def start() -> list[asyncio.Server]:
        return [await each.start() for each in servers]

    with in_a_thread(start):
        yield servers


class Balancer:
    """A running ``flb serve``."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.addresses = said(process)
        self.data, self.admin = self.addresses["data"], self.addresses["admin"]

    def stopped(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it with a signal and exit code 0, all gone."""
        self.process.send_signal(number)
        done = ended(self.process)
        assert done.code == 0, done
        assert "Traceback" not in done.err
        nobody_left(str(self.folder))
        assert is_free(port_of(self.data))
        assert is_free(port_of(self.admin))


@contextmanager
def serving(folder: Path, servers: list[Flaky], *words: object) -> Iterator[Balancer]:
    flags = [word for each in servers for word in ("--server", each.url)]
    flags += ["--kind", "ids"] if servers else []
    with started("serve", *flags, *ANY, *words, cwd=folder) as process:
        yield Balancer(process, folder)


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=40, limits=limits, verify=False) as http:
        yield http


async def post_all(url: str, ids: list[str], rate: float) -> list[httpx.Response]:
    """One request after the other at this rate, whenever the answers come."""
    async with client() as http:
        tasks = []
        begun = time.monotonic()
        for number, each in enumerate(ids):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(http.post(url, content=each)))
        return await asyncio.gather(*tasks)


def samples(text: str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The values of a counter by these labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                found[tuple(sample.labels[label] for label in labels)] = sample.value
    return found


@pytest.mark.parametrize("strategy", ["v4", "random"])
def test_clients_snapshot_metrics_records_and_servers_agree(tmp_path: Path, strategy: str) -> None:
    plans = [
        ["ok", "500", "ok", "429 1"],
        ["ok", "reset", "slow 0.2"],
        ["500", "429 1", "503 1", "ok"],
        ["hang 1.5", "ok", "ok", "500", "ok"],
    ]
    ids = request_ids(5, 150)
    with flaky(*plans) as servers:
        words = ("--strategy", strategy, "--attempt-timeout", 1.0, "--deadline", 20)
        with serving(tmp_path, servers, *words) as balancer:
            answers = asyncio.run(post_all(balancer.data, ids, 50.0))
            snapshot = httpx.get(f"{balancer.admin}/api/snapshot", timeout=20).json()
            metrics = httpx.get(f"{balancer.admin}/metrics", timeout=20).text
            balancer.stopped()
    (route,) = snapshot["routes"]
    assert {answer.status_code for answer in answers} <= {200, 429, 502}
    delivered = [answer for answer in answers if answer.status_code == 200]
    assert (route["requests"], route["delivered"]) == (150, len(delivered))
    assert route["in_flight"] == 0

    # What the servers saw, and what every other place says about it.
    saw = Counter((each.url, outcome(does)) for each in servers for _, does in each.seen)
    columns = route["servers"]
    assert columns["server"] == [each.url for each in servers]
    assert columns["attempts"] == [len(each.seen) for each in servers]
    counted = samples(metrics, "flb_attempts_total", "server", "outcome")
    for kind in ("succeeded", "failed", "rate-limited", "cancelled"):
        expected = [saw[each.url, kind] for each in servers]
        assert columns.get(kind.replace("-", "_"), [0] * len(servers)) == expected, kind
        assert [counted[each.url, kind] for each in servers] == expected
    codes = samples(metrics, "flb_requests_total", "code")
    assert sum(codes.values()) == 150
    assert codes["200",] == len(delivered)
    assert saw.total() == route["attempts"]
    assert saw.total() == sum(int(answer.headers["X-FLB-Attempts"]) for answer in answers)

    # Each request on its own.
    attempts = Counter(request_id for each in servers for request_id, _ in each.seen)
    paid = 0
    for request_id, answer in zip(ids, answers, strict=True):
        body = answer.json()
        assert body["id"] == request_id
        assert body["attempts"] == attempts[request_id]
        paid += max(0, attempts[request_id] - 3)
        if answer.status_code == 200:
            last = next(each for each in servers if each.url == body["server"])
            assert "succeeded" in {outcome(does) for name, does in last.seen if name == request_id}
        else:
            assert answer.headers["content-type"] == "application/problem+json"
    assert route["score"] == len(delivered) - 0.5 * paid

    # And the records.
    records = Records(tmp_path / ".flb")
    (row,) = records.runs()
    assert (row["state"], row["attempts"]) == ("finished", saw.total())
    recorded = Counter(
        (each["server"], each["outcome"]) for each in records.attempts(row["run"], 0, 10_000)
    )
    assert recorded == saw


@pytest.mark.slow
def test_sigterm_answers_what_is_in_flight_and_leaves_nothing(tmp_path: Path) -> None:
    """Servers that hang, and readers of the stream: one that reads and one that does not."""

    async def play(balancer: Balancer) -> tuple[list[httpx.Response], str]:
        async with client() as http:
            posting = asyncio.create_task(post_all(balancer.data, request_ids(1, 20), 100.0))
            async with http.stream("GET", f"{balancer.admin}/api/events") as stream:
                reading = asyncio.create_task(stream.aread())
                while len(servers[0].seen) < 20:
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(balancer.stopped)
                return await posting, (await reading).decode()

    with (
        flaky(["hang 30"]) as servers,
        serving(tmp_path, servers, "--attempt-timeout", 30, "--deadline", 30) as balancer,
        stuck_reader(balancer.admin),
    ):
        answers, events = asyncio.run(play(balancer))
    assert [answer.status_code for answer in answers] == [503] * 20
    assert {answer.json()["result"] for answer in answers} == {"given-up"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert "event: connected" in events
    assert "event: metrics" in events
    records = Records(tmp_path / ".flb")
    (row,) = records.runs()
    assert [each["outcome"] for each in records.attempts(row["run"])] == ["cancelled"] * 20


def test_short_requests_are_answered_during_a_shutdown(tmp_path: Path) -> None:
    async def play(balancer: Balancer) -> list[httpx.Response]:
        posting = asyncio.create_task(post_all(balancer.data, request_ids(1, 5), 1000.0))
        while len(servers[0].seen) < 5:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(balancer.stopped, signal.SIGINT)
        return await posting

    with flaky(["slow 0.4"]) as servers, serving(tmp_path, servers, "--no-records") as balancer:
        answers = asyncio.run(play(balancer))
    assert [answer.status_code for answer in answers] == [200] * 5


@contextmanager
def stuck_reader(admin: str) -> Iterator[socket.socket]:
    """Asks for the stream and never reads a byte of it."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", port_of(admin)))
        sock.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield sock


@pytest.mark.slow
def test_readers_that_never_read_delay_nobody(tmp_path: Path) -> None:
    with flaky(["ok"]) as servers, serving(tmp_path, servers, "--no-records") as balancer:
        readers = [stuck_reader(balancer.admin) for _ in range(20)]
        for reader in readers:
            reader.__enter__()
        answers = asyncio.run(post_all(balancer.data, request_ids(1, 200), 100.0))
        assert [answer.status_code for answer in answers] == [200] * 200
        frame = httpx.get(f"{balancer.admin}/api/snapshot", timeout=20).json()
        assert frame["routes"][0]["delivered"] == 200
        balancer.stopped()
        for reader in readers:
            reader.__exit__(None, None, None)


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with (
        flaky(["ok"]) as servers,
        serving(tmp_path, servers) as balancer,
        httpx.Client(timeout=20) as http,
    ):
        assert http.post(balancer.data, content=24 * "a").status_code == 200
        assert http.get(f"{balancer.admin}/readyz").json() == {"status": "ready"}
        balancer.stopped()  # long before the connection has been idle for too long


def test_several_routes_from_a_file(tmp_path: Path) -> None:
    with flaky(["ok"], ["500"]) as (good, bad):
        (tmp_path / "flb.toml").write_text(
            f'[pools.good]\nservers = ["{good.url}"]\n[pools.bad]\nservers = ["{bad.url}/"]\n'
            '[routes.one]\nkind = "ids"\npath = "/one"\npool = "good"\n'
            'strategy = "V6:cooldown=0.5"\n'
            '[routes.two]\nkind = "ids"\npath = "/two/T2"\npool = "bad"\nstrategy = "random"\n'
            '[routes.three]\nkind = "ids"\npath = "/v6:cooldown=0.5/T2"\npool = "good"\n'
        )
        words = ("--config", "flb.toml", "--max-attempts", 4, "--penalty", 2)
        with serving(tmp_path, [], *words) as balancer:
            paths = ("/one", "/two/T2", "/v6:cooldown=0.5/T2", "/")
            answers = [httpx.post(balancer.data + path, content=24 * "a") for path in paths]
            assert [answer.status_code for answer in answers] == [200, 502, 200, 404]
            frame = httpx.get(f"{balancer.admin}/api/snapshot").json()
            assert balancer.addresses["runs"].keys() == {"one", "two", "three"}
            balancer.stopped()
    assert len(good.seen) == 2
    assert len(bad.seen) == 4
    rows = {row["route"]: row for row in frame["routes"]}
    assert [rows[name]["strategy"] for name in ("one", "two", "three")] == [
        "v6:cooldown=0.5",
        "random",
        "cascade",
    ]
    assert [rows[name]["score"] for name in ("one", "two", "three")] == [1.0, -2.0, 1.0]
    assert rows["two"]["path"] == "/two/T2"
    runs = Records(tmp_path / ".flb").runs()
    assert sorted((row["route"], row["attempts"]) for row in runs) == [
        ("one", 1),
        ("three", 1),
        ("two", 4),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log(tmp_path: Path, form: str) -> None:
    """The records vanish meanwhile, which is worth a line."""
    with (
        flaky(["ok"]) as servers,
        serving(tmp_path, servers, "--log-format", form) as balancer,
    ):
        for file in (tmp_path / ".flb").iterdir():
            if file.is_file():
                file.unlink()
        assert httpx.post(balancer.data, content=24 * "a").status_code == 200
        assert balancer.process.stderr is not None
        lines: list[str] = []
        while not any("cannot write records" in line for line in lines):
            lines.append(balancer.process.stderr.readline())
        balancer.process.send_signal(signal.SIGTERM)
        lines += ended(balancer.process).err.splitlines()
    if form == "text":
        assert re.search(r"WARNING flaky_load_balancer\.records\.\w+: cannot write", "".join(lines))
        return
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(told) >= 1
    assert told[0].keys() >= {"time", "level", "logger", "message"}
    assert "warning" in {line["level"] for line in told}
    others = [line for line in lines if line.strip() and not line.startswith("{")]
    assert all("http://127.0.0.1" in line for line in others)  # said to people, not logged


def test_it_needs_no_stdin(tmp_path: Path) -> None:
    with flaky(["ok"]) as servers, serving(tmp_path, servers) as balancer:
        time.sleep(0.5)  # its stdin is /dev/null, at its end from the start
        assert httpx.get(f"{balancer.admin}/livez").json() == {"status": "alive"}


def test_signals_are_heeded_before_anybody_can_come_in(tmp_path: Path) -> None:
    """SIGTERM as soon as the port is open: a request that came in is answered."""
    port = free_range(1)
    words = ("--server", "http://127.0.0.1:1", "--port", port, "--admin-port", 0, "--json", "-")
    with started("serve", *words, cwd=tmp_path) as process, socket.socket() as early:
        eventually(lambda: early.connect_ex(("127.0.0.1", port)) == 0, "the port is open")
        head = (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\n"
        )
        early.sendall(head + 24 * b"a")
        process.send_signal(signal.SIGTERM)
        early.settimeout(30)
        assert early.recv(4096).startswith(b"HTTP/1.1 50")  # no server is there, or shutting down
        assert ended(process).code == 0
