"""Common clients, each as its own users write it, through a real ``flb serve`` to real servers."""

import asyncio
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import web

from tests.programs import PATIENCE, eventually, is_free, started
from tests.service.thread import in_a_thread

pytestmark = pytest.mark.slow
HOST = "127.0.0.1"
LARGE = bytes(range(256)) * 4096  # 1 MiB
DONE = web.AppKey("done", asyncio.Event)  # a browser has got all that it wanted
PAGE = """<!doctype html><body><p>waiting</p><img src="/done"><script>
const socket = new WebSocket(`ws://${location.host}/socket`);
const said = new Promise(resolve => { socket.onmessage = event => resolve(event.data); });
socket.onopen = () => socket.send("through a socket");
const events = new EventSource("/events");
const told = new Promise(resolve => { events.onmessage = event => resolve(event.data); });
const posted = fetch("/echo", {method: "POST", body: "posted"}).then(answer => answer.text());
Promise.all([posted, said, told]).then(all => {
  document.querySelector("p").textContent = all.join("; ");
  fetch("/done", {method: "POST"});
});
</script></body>"""


async def page(_: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), headers={"X-Method": request.method})


async def events(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b"data: an event\n\n")
    with suppress(ConnectionError):
        while True:
            await asyncio.sleep(0.1)
            await answer.write(b": still here\n\n")
    return answer


async def talk(request: web.Request) -> web.WebSocketResponse:
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    async for message in answer:
        if message.type is aiohttp.WSMsgType.TEXT:
            await answer.send_str(message.data)
        else:
            await answer.send_bytes(message.data)
    return answer


async def done(request: web.Request) -> web.Response:
    """Asked for as an image, it holds up the end of loading until the page says that it is done."""
    if request.method == "POST":
        request.app[DONE].set()
    await asyncio.wait_for(request.app[DONE].wait(), PATIENCE / 2)
    return web.Response()


async def origins() -> list[asyncio.Server]:
    """Two servers."""
    app = web.Application(client_max_size=2 * len(LARGE))
    app[DONE] = asyncio.Event()
    app.add_routes([web.get("/", page), web.get("/events", events), web.get("/socket", talk)])
    app.add_routes([web.route("*", "/echo", echo), web.route("*", "/done", done)])
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    assert runner.server is not None
    loop = asyncio.get_running_loop()
    return [await loop.create_server(runner.server, HOST, 0) for _ in range(2)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A balancer before two servers; its address."""
    servers: list[str] = []

    async def start() -> Sequence[asyncio.Server]:
        listening = await origins()
        servers.extend(f"http://{HOST}:{each.sockets[0].getsockname()[1]}" for each in listening)
        return listening

    with in_a_thread(start):
        words = [word for server in servers for word in ("--server", server)]
        port, admin = free_port(), free_port()
        flags = "--port", port, "--admin-port", admin, "--no-records"
        folder = tmp_path_factory.mktemp("clients")
        with started("serve", *words, *flags, cwd=folder):
            eventually(lambda: not is_free(port), "the balancer listens")
            yield f"http://{HOST}:{port}"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as opened:
        port: int = opened.getsockname()[1]
    return port


def program(name: str) -> str:
    """Where it is; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def said_by(*command: str) -> str:
    """What a program says that ends well."""
    done = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return done.stdout.decode()


def test_curl(url: str, tmp_path: Path) -> None:
    curl, file = program("curl"), tmp_path / "large"
    file.write_bytes(LARGE)
    line = "%{http_code} %header{x-method} %header{x-flb-attempts}"
    again = curl, "-sS", "-o", str(tmp_path / "got"), "-w", line, f"{url}/echo"
    assert said_by(*again, "--data-binary", f"@{file}") == "200 POST 1"
    assert (tmp_path / "got").read_bytes() == LARGE
    assert said_by(*again, "-T", str(file), "-H", "Transfer-Encoding: chunked") == "200 PUT 1"
    assert (tmp_path / "got").read_bytes() == LARGE
    assert said_by(*again, "--http1.0", "-d", "old") == "200 POST 1"
    assert (tmp_path / "got").read_bytes() == b"old"


def test_wrk(url: str) -> None:
    said = said_by(program("wrk"), "-t1", "-c16", "-d1s", f"{url}/echo")
    assert "requests in" in said
    assert "Non-2xx" not in said
    assert "Socket errors" not in said


def test_requests(url: str) -> None:
    requests = pytest.importorskip("requests")
    with requests.Session() as client:
        client.trust_env = False
        assert client.post(f"{url}/echo", data=LARGE).content == LARGE
        assert client.put(f"{url}/echo", data=iter([b"in ", b"pieces"])).content == b"in pieces"
        assert client.head(f"{url}/echo").headers["X-Method"] == "HEAD"


def test_httpx(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.post("/echo", content=LARGE).content == LARGE
        assert client.put("/echo", content=iter([b"in ", b"pieces"])).content == b"in pieces"
        with client.stream("GET", "/events") as answer:
            assert next(answer.iter_lines()) == "data: an event"


async def test_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession(url) as client:
        async with client.post("/echo", data=LARGE) as answer:
            assert await answer.read() == LARGE
        async with client.ws_connect("/socket") as talking:
            await talking.send_bytes(LARGE)
            assert await talking.receive_bytes() == LARGE


async def test_websockets(url: str) -> None:
    websockets = pytest.importorskip("websockets")
    there = url.replace("http", "ws", 1) + "/socket"
    async with websockets.connect(there, proxy=None, max_size=None) as talking:
        for message in ("a text", LARGE):
            await talking.send(message)
            assert await talking.recv() == message


def test_a_browser(url: str, tmp_path: Path) -> None:
    """A page with its own requests, an event stream and a socket."""
    browser = program(os.environ.get("FLB_CHROMIUM", "chromium"))
    flags = "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"
    shown = said_by(browser, *flags, "--dump-dom", f"{url}/")
    assert "posted; through a socket; an event" in shown


async def test_a_million_random_bytes(url: str) -> None:
    """In ten thousand pieces: nothing breaks, and it is never said to be a server's fault."""
    chance, port = random.Random(14), httpx.URL(url).port
    assert port is not None
    for _ in range(100):
        reader, writer = await asyncio.open_connection(HOST, port)
        got = b""
        with suppress(ConnectionError):
            for _ in range(100):
                writer.write(chance.randbytes(100))
                await asyncio.sleep(0)
            writer.write_eof()
            got = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        assert not got or got.startswith(b"HTTP/1.1 4")
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.post("/echo", content=b"still there")).content == b"still there"
