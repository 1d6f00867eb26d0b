"""Errors as clients get them: problem details for HTTP APIs (RFC 9457)."""

import math
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


def details(status: int, detail: str, /, **members: Any) -> bytes:
    """The body of an answer that says what is wrong; further members override the standard."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    return orjson.dumps(body)


def seconds(wait: float) -> bytes:
    """A wait in whole seconds, as ``Retry-After`` has it."""
    return b"%d" % max(1, math.ceil(wait))


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return Response(details(status, detail), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of this app becomes problem details; what is our own fault stays a 500."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        details = {
            404: f"no such path: {_shown(request.url.path)}",
            405: f"{_shown(request.method)} is not allowed here",
        }
        default = HTTPStatus(error.status_code).phrase
        detail = error.detail if error.detail != default else details.get(error.status_code)
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, detail or default, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:  # noqa: ARG001
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, f"{where}: {first['msg']}")

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return problem(500, "a fault of the balancer, see its log")


def _shown(text: str) -> str:
    return ascii(text[:100])[1:-1]
