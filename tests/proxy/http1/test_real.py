"""Real servers behind a plain proxy of ours: an answer through it is the answer without it."""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from flaky_load_balancer.proxy.http1 import Client
from tests.proxy.http1.wire import HOST, WAIT, head_of, opened, passing, rest, serving

UVICORN = """
import socket, uvicorn

async def app(scope, receive, send):
    echo = scope["path"] == "/echo"
    headers = [(b"x-a", b"b"), (b"set-cookie", b"c=1"), (b"set-cookie", b"d=2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    more = echo
    while more:
        message = await receive()
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": True})
    said = b"" if echo else f"{scope['method']} {scope['raw_path']}".encode()
    await send({"type": "http.response.body", "body": said})

opened = socket.create_server(("127.0.0.1", 0))
print(opened.getsockname()[1], flush=True)
config = uvicorn.Config(app, log_level="warning", lifespan="off")
uvicorn.Server(config).run([opened])
"""
DIFFERS = {"date", "connection", "keep-alive", "transfer-encoding"}


@contextmanager
def process(*command: str) -> Iterator[int]:
    """A server that prints its port when it is there."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.terminate()
        child.communicate()


@pytest.fixture(scope="module")
def node() -> Iterator[int]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not installed")
    with process(program, str(Path(__file__).with_name("node.js"))) as port:
        yield port


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[int]:
    with process(sys.executable, "-c", UVICORN) as port:
        yield port


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Files of nginx."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "file.txt").write_bytes(bytes(range(256)) * 4000)
    paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in paths)
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; events {{ }}"
        f"http {{ access_log off; {temporary} gzip on; gzip_types text/plain;"
        f"server {{ listen {HOST}:{port}; root {folder}; }} }}"
    )
    command = [program, "-p", str(folder), "-c", str(config), "-e", "stderr"]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while child.poll() is None:
            with suppress(OSError), socket.create_connection((HOST, port)):
                break
            time.sleep(0.02)
        yield port
    finally:
        child.terminate()
        child.wait()


@asynccontextmanager
async def before(server: int) -> AsyncIterator[int]:
    with closing(Client()) as client:
        async with serving(passing(client, server)) as port:
            yield port


REQUESTS = [
    ("GET", "/a%20b?c=d&c=%2F", b""),
    ("HEAD", "/a", b""),
    ("OPTIONS", "/a", b""),
    ("DELETE", "/a", b""),
    ("PUT", "/echo", b"x" * 300_000),
    ("POST", "/a", b""),
    ("GET", "/status?204", b""),
    ("GET", "/status?304", b""),
    ("GET", "/status?299", b""),
    ("GET", "/status?599", b""),
    ("GET", "/hints", b""),
]


async def alike(direct: int, through: int, method: str, path: str, body: bytes) -> None:
    """The same status, reason, headers and body, with and without the proxy."""
    async with httpx.AsyncClient(timeout=WAIT, verify=False) as client:
        headers = {"Host": "a.example", "Accept-Encoding": "identity"}
        answers = [
            await client.request(
                method, f"http://{HOST}:{port}{path}", content=body, headers=headers
            )
            for port in (direct, through)
        ]
    ours, theirs = (
        (
            answer.status_code,
            answer.reason_phrase,
            sorted(each for each in answer.headers.multi_items() if each[0] not in DIFFERS),
            answer.content,
        )
        for answer in answers
    )
    assert ours == theirs


async def test_node(node: int) -> None:
    async with before(node) as port:
        for method, path, body in REQUESTS:
            await alike(node, port, method, path, body)


async def test_uvicorn(uvicorn: int) -> None:
    async with before(uvicorn) as port:
        for method, path, body in REQUESTS:
            await alike(uvicorn, port, method, path, body)


async def test_chunked_uploads(node: int, uvicorn: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 20_000

    for server in (node, uvicorn):
        async with before(server) as port, httpx.AsyncClient(timeout=WAIT, verify=False) as client:
            answer = await client.put(f"http://{HOST}:{port}/echo", content=pieces())
            assert answer.content == b"x" * 400_000


async def test_node_hints_continues_and_upgrades(node: int) -> None:
    async with before(node) as port:
        reader, writer = await opened(port)
        writer.write(b"GET /hints HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await head_of(reader)).startswith(b"HTTP/1.1 103 Early Hints\r\nLink: ")
        assert (await head_of(reader)).startswith(b"HTTP/1.1 200 OK")
        assert await asyncio.wait_for(reader.readexactly(6), WAIT) == b"hinted"
        writer.write(
            b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert await head_of(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        assert (await head_of(reader)).startswith(b"HTTP/1.1 200 OK\r\nX-Length: 2\r\n")
        await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), WAIT)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        assert (await head_of(reader)).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        writer.write(b"\x81\x00\xff")
        assert await asyncio.wait_for(reader.readexactly(3), WAIT) == b"\x81\x00\xff"
        writer.write_eof()
        assert (await rest(reader)).data == b""
        writer.close()


async def test_node_answers_early_and_breaks_off(node: int) -> None:
    async with before(node) as port:
        reader, writer = await opened(port)
        writer.write(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
        writer.write(b"x" * 100_000)
        got = await rest(reader)
        assert got.statuses == [413]
        assert b"too large" in got.data
        writer.close()
        reader, writer = await opened(port)
        writer.write(b"GET /cut HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await rest(reader)).reset
        writer.close()


async def test_nginx_ranges_validators_and_gzip(nginx: int) -> None:
    async with before(nginx) as port, httpx.AsyncClient(timeout=WAIT, verify=False) as client:
        urls = [f"http://{HOST}:{each}/file.txt" for each in (nginx, port)]
        whole = await client.get(urls[0])
        for headers in (
            {"Range": "bytes=5-9"},
            {"Range": "bytes=0-1,5-6", "If-Match": whole.headers["etag"]},
            {"If-None-Match": whole.headers["etag"]},
            {"If-Modified-Since": whole.headers["last-modified"]},
            {"Accept-Encoding": "gzip"},
            {"Accept-Encoding": "identity"},
        ):
            direct, through = [await client.get(url, headers=headers) for url in urls]
            assert direct.status_code == through.status_code
            assert len(direct.content) == len(through.content)
            for name in ("content-range", "etag", "content-encoding", "content-length"):
                assert direct.headers.get(name) == through.headers.get(name)
        assert (await client.head(urls[1], headers=headers)).headers["content-length"] == "1024000"
