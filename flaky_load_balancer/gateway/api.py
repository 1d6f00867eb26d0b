"""The API of kind ``openai``: which paths there are, who may use them, and what they do."""

import secrets
from urllib.parse import unquote

import orjson

from flaky_load_balancer.gateway import asked as asking
from flaky_load_balancer.gateway.asked import Operation
from flaky_load_balancer.gateway.carrier import OpenAICarrier
from flaky_load_balancer.gateway.errors import JSON, AskedWrongError, error_body, reply_error
from flaky_load_balancer.gateway.feedback import Feedback
from flaky_load_balancer.gateway.ledger import decision_id
from flaky_load_balancer.gateway.route import GatewayRoute
from flaky_load_balancer.proxy.handler import Visit
from flaky_load_balancer.proxy.http1 import Exchange, Headers

LARGEST = 32 * 2**20  # bytes of a request
OPERATIONS = {operation.encode(): operation for operation in Operation}
MODELS, FEEDBACK = b"/models", b"/feedback"
WRONG_KEY = "Incorrect API key provided. It is one of the keys of this gateway."


class Api:
    """Answers the requests of one route."""

    def __init__(self, route: GatewayRoute, feedback: Feedback) -> None:
        self.route = route
        self._feedback = feedback
        self.settings = route.settings

    async def handle(self, exchange: Exchange, visit: Visit) -> None:
        """One request."""
        try:
            self._let_in(exchange)
            path = exchange.head.path.partition(b"?")[0]
            await self._answer(exchange, visit, path[len(self.route.prefix.rstrip(b"/")) :])
        except AskedWrongError as error:
            body = error_body(error.status, str(error), code=error.code, param=error.param)
            reply_error(exchange, error.status, body, self._marks(visit))

    def refuse(self, exchange: Exchange, status: int, why: str, visit: Visit) -> None:
        """What whoever is turned away is told."""
        code = "overloaded" if status == 503 else None
        wait = [(b"Retry-After", b"1")] if status == 503 else []
        body = error_body(status, why, code=code)
        reply_error(exchange, status, body, [*self._marks(visit), *wait])

    def _let_in(self, exchange: Exchange) -> None:
        authorization = b""
        for name, value in exchange.headers:
            if name.lower() == b"authorization":
                authorization = value
        if not self.route.lets_in(authorization):
            raise AskedWrongError(401, WRONG_KEY, code="invalid_api_key")

    async def _answer(self, exchange: Exchange, visit: Visit, path: bytes) -> None:
        operation = OPERATIONS.get(path)
        if operation is not None:
            self._only(exchange, b"POST")
            await self._deliver(exchange, visit, operation)
        elif path == MODELS or path.startswith(MODELS + b"/"):
            self._only(exchange, b"GET")
            self._reply(exchange, 200, self._models(_name(path)), visit)
        elif path == FEEDBACK:
            self._only(exchange, b"POST")
            await self._feedback.take(await _whole(exchange))
            self._reply(exchange, 202, {"status": "accepted"}, visit)
        else:
            shown = path.decode("latin-1")
            raise AskedWrongError(404, f"Unknown request URL: {shown}.", code="unknown_url")

    async def _deliver(self, exchange: Exchange, visit: Visit, operation: Operation) -> None:
        exchange.limit(self.settings.timeouts.idle)
        asked = asking.read(operation, await _whole(exchange))
        if asked.previous is not None:
            before = await self._feedback.decided(asked.previous)
            asked.server = None if before is None else before.server
        part = self.route.part()
        decision = decision_id(part.run or 0, part.dispatcher.coming, secrets.token_hex(8))
        features = self.route.seen(asked)
        carrier = OpenAICarrier(
            self.route,
            part,
            exchange,
            asked,
            trusted=visit.trusted,
            id=visit.id,
            decision=decision,
            features=features,
        )
        try:
            visit.request = await part.dispatcher.deliver(
                decision, carrier, size=carrier.terms.size, features=features
            )
        finally:
            carrier.close()

    def _models(self, one: str) -> object:
        """The models that can be asked for, or one of them."""
        models = [
            {"id": model, "object": "model", "created": 0, "owned_by": "flb"}
            for model in self.route.models
        ]
        if not one:
            return {"object": "list", "data": models}
        for model in models:
            if model["id"] == one:
                return model
        raise AskedWrongError(404, f"The model {one!r} does not exist.", code="model_not_found")

    def _only(self, exchange: Exchange, method: bytes) -> None:
        if exchange.method != method:
            text = f"Not allowed: {exchange.method.decode('latin-1')}; use {method.decode()}."
            raise AskedWrongError(405, text, code="method_not_allowed")

    def _reply(self, exchange: Exchange, status: int, document: object, visit: Visit) -> None:
        headers = [(b"Content-Type", JSON), *self._marks(visit)]
        exchange.reply(status, headers, orjson.dumps(document))

    def _marks(self, visit: Visit) -> Headers:
        if not self.settings.flb_headers:
            return []
        return [(b"X-Request-ID", visit.id), (b"X-FLB-Attempts", b"0")]


def _name(path: bytes) -> str:
    """Of the model that a path is about, empty for all."""
    return unquote(path[len(MODELS) + 1 :].decode("latin-1"))


async def _whole(exchange: Exchange) -> bytes:
    """The body of a request."""
    if exchange.head.length > LARGEST:
        raise AskedWrongError(413, "The request is larger than 32 MiB.")
    pieces: list[bytes] = []
    size = 0
    while piece := await exchange.read():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise AskedWrongError(413, "The request is larger than 32 MiB.")
    return b"".join(pieces)
