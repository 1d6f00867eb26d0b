"""Ten thousand servers behind one route: requests, frames, metrics and records as with ten."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flaky_load_balancer.records import Records
from tests.programs import said, started
from tests.service.thread import in_a_thread

COUNT, LISTENERS, REQUESTS = 10_000, 4, 300


class Listeners:
    """A few addresses with thousands of servers each, told apart by the first part of the path.

    Every third one fails.
    """

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        self.ports: list[int] = []

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{self.ports[n % LISTENERS]}/{n}" for n in range(COUNT)]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number = int(head.split(b"/", 2)[1])
                self.seen[number] += 1
                status = b"500 Oops" if number % 3 == 0 else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nhi" % status)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@contextmanager
def listening() -> Iterator[Listeners]:
    listeners = Listeners()

    async def start() -> list[asyncio.Server]:
        servers = [
            await asyncio.start_server(listeners.talk, "127.0.0.1", 0) for _ in range(LISTENERS)
        ]
        listeners.ports = [each.sockets[0].getsockname()[1] for each in servers]
        return servers

    with in_a_thread(start):
        yield listeners


def config(urls: list[str]) -> str:
    servers = ",\n".join(f'"{url}"' for url in urls)
    route = '[routes.r]\npath = "/"\npool = "p"\nstrategy = "lazy-ts"\n'
    return f"[pools.p]\nservers = [\n{servers}\n]\n{route}"


@pytest.mark.slow
def test_requests_frames_metrics_and_records_of_ten_thousand_servers(tmp_path: Path) -> None:
    with listening() as listeners:
        (tmp_path / "flb.toml").write_text(config(listeners.urls), encoding="utf-8")
        words = "serve", "--config", "flb.toml", "--port", 0, "--admin-port", 0, "--json", "-"
        with started(*words, cwd=tmp_path) as process:
            addresses = said(process)
            data, admin = addresses["data"], addresses["admin"]
            with httpx.Client(timeout=20) as http:
                codes = Counter(http.get(f"{data}/x").status_code for _ in range(REQUESTS))
                assert codes[200] > 0.95 * REQUESTS  # a third of the servers fail
                attempts = listeners.seen.total()
                assert REQUESTS <= attempts < 1.3 * REQUESTS

                snapshot = http.get(f"{admin}/api/snapshot")
                (route,) = snapshot.json()["routes"]
                assert (route["requests"], route["attempts"]) == (REQUESTS, attempts)
                shown, others = route["servers"], route["others"]
                assert len(shown["server"]) == 50
                assert others["servers"] == COUNT - 50
                assert sum(shown["attempts"]) + others["attempts"] == attempts
                assert len(snapshot.content) < 20_000

                busiest = listeners.urls[listeners.seen.most_common(1)[0][0]]
                detail = http.get(f"{admin}/api/routes/r").json()
                assert busiest in detail["servers"]["server"]

                families = text_string_to_metric_families(http.get(f"{admin}/metrics").text)
                samples = [s for f in families for s in f.samples if s.name == "flb_attempts_total"]
                assert sum(sample.value for sample in samples) == attempts
                assert len({sample.labels["server"] for sample in samples}) == 201
            process.terminate()
            assert process.wait(timeout=60) == 0
        records = Records(tmp_path / ".flb")
        (run,) = records.runs()
        recorded = records.run(run["run"])
        assert recorded is not None
        assert recorded["attempts"] == attempts
