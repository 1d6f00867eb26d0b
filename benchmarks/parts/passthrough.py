"""The plain pass-through: FastAPI and httpx, as one would write it first.  Servers in turn.

.venv/bin/python -m benchmarks.parts.passthrough --port 8000 --server http://127.0.0.1:4000

``--aiohttp`` has aiohttp in place of httpx, as one would write it second.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import cycle

import aiohttp
import httpx
from fastapi import FastAPI, Request, Response

from benchmarks.parts.on_uvicorn import options, serve

Post = Callable[[str, bytes, dict[str, str]], Awaitable[tuple[int, bytes]]]
Client = Callable[[], AbstractAsyncContextManager[Post]]


@asynccontextmanager
async def with_httpx() -> AsyncIterator[Post]:
    async with httpx.AsyncClient() as client:

        async def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
            answer = await client.post(url, content=body, headers=headers)
            return answer.status_code, answer.content

        yield post


@asynccontextmanager
async def with_aiohttp() -> AsyncIterator[Post]:
    async with aiohttp.ClientSession() as client:

        async def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
            async with client.post(url, data=body, headers=headers) as answer:
                return answer.status, await answer.read()

        yield post


def passthrough(servers: list[str], client: Client) -> FastAPI:
    turns = cycle(servers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with client() as app.state.post:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/")
    async def deliver(request: Request) -> Response:
        headers = {"content-type": request.headers["content-type"]}
        body = await request.body()
        status, content = await request.app.state.post(next(turns), body, headers)
        return Response(content, status)

    return app


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--aiohttp", action="store_true")
    asked = parser.parse_args()
    serve(passthrough(asked.server, with_aiohttp if asked.aiohttp else with_httpx), asked.port)


if __name__ == "__main__":
    main()
