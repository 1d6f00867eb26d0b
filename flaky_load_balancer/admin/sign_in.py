"""Who may see the admin plane, where it has a token: programs as its bearers, people by signing in.

A browser cannot be told to send a bearer token, so whoever asks for a page without one gets 401
with a form.  ``POST /sign-in`` answers the right token with a cookie that scripts cannot read and
that no other site can have sent: when it ends and a MAC of that, under the token.  Another token,
or twelve hours, and it is worth nothing.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from html import escape
from time import time
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from flaky_load_balancer.proxy import problems

PATH = "/sign-in"
OPEN = {("GET", "/livez"), ("GET", "/readyz"), ("HEAD", "/livez"), ("HEAD", "/readyz")}
OPEN |= {("POST", PATH)}
COOKIE = "flb_admin"
LASTS = 12 * 3600  # seconds
HEADERS = {
    "WWW-Authenticate": "Bearer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without a referrer a browser hides the form's origin, too
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in - flaky_load_balancer</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
main {{ max-width: 22rem; margin: 18vh auto 0; padding: 0 1rem }}
h1 {{ font-size: 1.25rem; font-weight: 500 }}
input, button {{ font: inherit; box-sizing: border-box; width: 100%; padding: .5rem .75rem }}
button {{ margin-top: .75rem; cursor: pointer }}
</style>
<main>
<h1>flaky_load_balancer</h1>
<form method="post" action="{path}">
{problem}<p><label for="token">Admin token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input type="hidden" name="next" value="{next}">
<button>Sign in</button>
</form>
<p>It is <code>admin_token</code> of the config file. Programs send it as a bearer token.
</main>
</html>
"""


class Keeper:
    """Knows the token, and makes and checks the cookies of those who did."""

    def __init__(self, token: str, clock: Callable[[], float] = time) -> None:
        self._token = token.encode()
        self._clock = clock

    def knows(self, token: bytes) -> bool:
        return hmac.compare_digest(token, self._token)

    def admits(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.knows(token.strip().encode("latin-1")):
            return True
        return self._holds(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))

    def cookie(self) -> str:
        end = f"{int(self._clock()) + LASTS}"
        return f"{end}.{self._mac(end)}"

    def _holds(self, cookie: str) -> bool:
        end, _, mac = cookie.partition(".")
        genuine = hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(end).encode())
        return genuine and self._clock() < int(end)

    def _mac(self, end: str) -> str:
        return hmac.new(self._token, f"sign-in until {end}".encode(), sha256).hexdigest()


class Door:
    """ASGI middleware: without token or cookie only whether the balancer is well."""

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        self.app, self._keeper = app, keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        is_open = scope["type"] == "lifespan" or (scope["method"], scope["path"]) in OPEN
        if is_open or self._keeper.admits(headers):
            await self.app(scope, receive, send)
        else:
            await _refused(scope, headers)(scope, receive, send)


def _refused(scope: Scope, headers: Headers) -> Response:
    """A form for people, problem details for programs."""
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        query = scope["query_string"].decode("latin-1")
        return _form(scope["path"] + (f"?{query}" if query else ""))
    return problems.problem(401, "this takes the admin token", {"WWW-Authenticate": "Bearer"})


def _form(following: str, problem: str = "") -> Response:
    said = f'<p role="alert">{escape(problem)}\n' if problem else ""
    page = PAGE.format(path=PATH, problem=said, next=escape(following))
    return HTMLResponse(page, 401, HEADERS)


def install(app: FastAPI, keeper: Keeper) -> None:
    """``POST /sign-in``, of a form with ``token`` and ``next``, a path of this plane."""

    @app.post(PATH, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        token, following = (form.get(name, [""])[0] for name in ("token", "next"))
        following = _local(following)
        if not keeper.knows(token.encode()):
            return _form(following, "That is not the admin token.")
        answer = RedirectResponse(following, 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, keeper.cookie(), LASTS, secure=secure, httponly=True, samesite="strict"
        )
        return answer


def _local(path: str) -> str:
    """Where to go on; never to another site, which browsers see in `//` and `/\\` too."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") else "/"
