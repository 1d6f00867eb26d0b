"""What the admin plane refuses before anything else looks at a request.

A body is only read up to a bound, so that no request costs memory; and what changes something is
refused when a page of another origin asked for it, as browsers let any page send a POST.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flaky_load_balancer.proxy import problems

LARGEST_BODY = 64 * 1024  # bytes: a story of a thousand rounds for the playground
HARMLESS = {"GET", "HEAD", "OPTIONS"}
TOO_LARGE = f"a body may have {LARGEST_BODY} bytes at most"


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            refused = problems.problem(413, TOO_LARGE, {"Connection": "close"})
            await refused(scope, receive, send)
        elif scope["method"] not in HARMLESS and _of_another_origin(headers):
            refused = problems.problem(403, "refused: a page of another origin asked for this")
            await refused(scope, receive, send)
        else:
            await self.app(scope, _bounded(receive), send)


def _of_another_origin(headers: Headers) -> bool:
    """A program sends neither header; a browser sends both with a POST."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return True
    return headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def _bounded(receive: Receive) -> Receive:
    """Bodies without a length are counted while they come."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            raise HTTPException(413, TOO_LARGE, {"Connection": "close"})
        return message

    return bounded
