"""FastAPI behind our own protocol, as httpx sees it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from flaky_load_balancer.proxy.http1 import asgi
from tests.proxy.http1.wire import HOST, WAIT, opened, serving

app = FastAPI()


@app.post("/echo/{name}")
async def echo(name: str, request: Request) -> dict[str, str]:
    return {"name": name, "query": request.url.query, "body": (await request.body()).decode()}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            for _ in range(3):
                yield b"x" * 100_000
            while True:
                await asyncio.sleep(0.01)
                yield b"x"
        finally:
            app.state.ended.set()

    return StreamingResponse(pieces())


async def test_an_app_answers() -> None:
    async with serving(asgi(app)) as port, httpx.AsyncClient() as client:
        url = f"http://{HOST}:{port}"
        answer = await client.post(f"{url}/echo/a%20b?c=d", content=b"x" * 50_000)
        assert answer.json() == {"name": "a b", "query": "c=d", "body": "x" * 50_000}
        assert answer.reason_phrase == "OK"
        assert "date" in answer.headers
        assert (await client.get(f"{url}/echo/a")).status_code == 405
        assert (await client.request("HEAD", f"{url}/none")).status_code == 404


async def test_an_app_is_cancelled_when_its_client_hangs_up() -> None:
    app.state.ended = asyncio.Event()
    async with serving(asgi(app)) as port:
        reader, writer = await opened(port)
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readexactly(300_000), WAIT)
        writer.transport.abort()
        await asyncio.wait_for(app.state.ended.wait(), WAIT)
