"""The plain gateway: FastAPI and httpx, which pass one model on, streamed or not.

.venv/bin/python -m benchmarks.parts.llm_passthrough --port 8000 --server http://127.0.0.1:4000
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from benchmarks.parts.on_uvicorn import options, serve

PATH = "/v1/chat/completions"


def passthrough(server: str) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=server, timeout=60) as app.state.client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post(PATH)
    async def complete(request: Request) -> Response:
        asked, client = await request.json(), request.app.state.client
        asked["model"] = "fake"
        if not asked.get("stream"):
            answer = await client.post(PATH, json=asked)
            return Response(answer.content, answer.status_code, media_type="application/json")
        sent = client.build_request("POST", PATH, json=asked)
        answer = await client.send(sent, stream=True)

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in answer.aiter_raw():
                yield piece
            await answer.aclose()

        return StreamingResponse(pieces(), media_type="text/event-stream")

    return app


def main() -> None:
    asked = options(__doc__).parse_args()
    serve(passthrough(asked.server[0]), asked.port)


if __name__ == "__main__":
    main()
