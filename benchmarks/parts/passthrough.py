"""The plain pass-through: FastAPI and httpx, as one would write it first.  Servers in turn.

.venv/bin/python -m benchmarks.parts.passthrough --port 8000 --server http://127.0.0.1:4000
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle

import httpx
from fastapi import FastAPI, Request, Response

from benchmarks.parts.on_uvicorn import options, serve


def passthrough(servers: list[str]) -> FastAPI:
    turns = cycle(servers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient() as app.state.client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/")
    async def deliver(request: Request) -> Response:
        answer = await request.app.state.client.post(
            next(turns),
            content=await request.body(),
            headers={"content-type": request.headers["content-type"]},
        )
        return Response(answer.content, answer.status_code)

    return app


def main() -> None:
    asked = options(__doc__).parse_args()
    serve(passthrough(asked.server), asked.port)


if __name__ == "__main__":
    main()
