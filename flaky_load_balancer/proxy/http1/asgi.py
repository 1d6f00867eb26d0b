"""A bridge for ASGI apps: what is answered rather than passed on can stay a FastAPI app."""

from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from flaky_load_balancer.proxy.http1.exchange import REASONS, Exchange, date
from flaky_load_balancer.proxy.http1.failures import BodyError
from flaky_load_balancer.proxy.http1.head import Headers, end_to_end
from flaky_load_balancer.proxy.http1.server import Handler


def asgi(app: ASGIApp) -> Handler:
    """A handler that lets the app answer.  It is cancelled if the client hangs up."""

    async def handler(exchange: Exchange) -> None:
        bridge = _Bridge(exchange)
        await app(bridge.scope(), bridge.receive, bridge.send)
        if bridge.broken is not None and not exchange.responded:
            raise bridge.broken

    return handler


class _Bridge:
    """One request, as ASGI sees it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._read = False  # all of the request's body
        self.broken: BodyError | None = None  # why its body will not come to its end
        self._status = 0
        self._headers: Headers = []

    def scope(self) -> dict[str, Any]:
        exchange = self._exchange
        head = exchange.head
        path, _, query = head.path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": f"1.{head.minor}",
            "method": head.method.decode("ascii"),
            "scheme": "https" if exchange.tls else "http",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in head.headers],
            "client": (exchange.peer, 0),
            "server": None,
            "state": {},
        }

    async def receive(self) -> Message:
        if self._read:
            await self._exchange.disconnected()
            return {"type": "http.disconnect"}
        try:
            piece = await self._exchange.read()
        except BodyError as error:
            self._read, self.broken = True, error
            return {"type": "http.disconnect"}
        self._read = self._exchange.body.exhausted
        return {"type": "http.request", "body": piece, "more_body": not self._read}

    async def send(self, message: Message) -> None:
        exchange = self._exchange
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if not exchange.responded:
            headers = end_to_end(self._headers)
            length = _length(self._headers) if more else len(body)
            headers.append((b"Date", date()))
            exchange.respond(self._status, REASONS.get(self._status, b""), headers, length)
        exchange.write(body)
        if more:
            await exchange.drain()
        else:
            exchange.finish()


def _length(headers: Headers) -> int | None:
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value)
    return None
