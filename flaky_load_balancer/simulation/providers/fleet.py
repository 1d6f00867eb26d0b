"""Providers on real ports: the servers of a scenario with ``[openai]``, speaking its protocol.

Whether an attempt is admitted, fails and how long it takes is the business of ``Servers``, as for
the flaky servers of the game: here is only how that looks.  What a model answers is a function of
the server and of what was asked.
"""

import time
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from socket import socket
from typing import Any
from uuid import uuid4

import numpy as np

from flaky_load_balancer.core.types import Floats, Outcome
from flaky_load_balancer.features.tasks import keyword_tasks
from flaky_load_balancer.simulation.fleets import chance, ports
from flaky_load_balancer.simulation.fleets.connection import Connection, Request
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.live import FleetAddress, LiveFleet
from flaky_load_balancer.simulation.fleets.servers import Fault, Response
from flaky_load_balancer.simulation.providers import apis, asked, looks, wire
from flaky_load_balancer.simulation.providers.allowances import Allowances
from flaky_load_balancer.simulation.providers.apis import Answer
from flaky_load_balancer.simulation.providers.asked import Asked, WrongError
from flaky_load_balancer.simulation.providers.connection import ProviderConnection
from flaky_load_balancer.simulation.providers.wire import Reply
from flaky_load_balancer.simulation.providers.words import said
from flaky_load_balancer.simulation.scenarios.providers import FAILING
from flaky_load_balancer.simulation.worlds.world import Drawn, world_of

APIS = "chat/completions", "completions", "embeddings", "responses"
TICK = 0.02  # seconds: what is said within one is written at once
SHORTEST_ANSWER = 8  # tokens


class ProviderFleet(LiveFleet):
    """One copy of a fleet of providers."""

    def __init__(self, fleet: Fleet, sockets: Sequence[socket], *, copy: int = 0) -> None:
        models = fleet.scenario.openai
        assert models is not None
        self.models = models
        super().__init__(fleet, sockets, copy=copy)
        world = world_of(fleet.scenario, fleet.seeds)
        self._world = world if isinstance(world, Drawn) else None
        self._kinds = keyword_tasks()
        self._allowances = Allowances(self.servers)

    @property
    def address(self) -> FleetAddress:
        models = self.models
        described = [
            {"model": model, "usd_per_mtok": {"input": given, "output": made}}
            for model, given, made in zip(
                models.models, models.usd_input, models.usd_output, strict=True
            )
        ]
        urls = [f"{port.url}/v1" for port in self.ports]
        return {**super().address, "servers": urls, "models": described}

    def restart(self) -> None:
        super().restart()
        self._allowances = Allowances(self.servers)

    def ask(self, arm: int, request: Request) -> Reply | Fault:
        """What a provider does about a request."""
        path = request.target.partition(b"?")[0].decode("latin-1").rstrip("/")
        if request.method == b"POST" and path.removeprefix("/v1/") in APIS:
            return self._asked(arm, path.removeprefix("/v1/"), request.body)
        if request.method == b"GET":
            found = self._shown(arm, path)
            if found is not None:
                return wire.whole(200, found)
        wrong = f"Unknown request URL: {request.method.decode('latin-1')} {path or '/'}."
        return wire.whole(404, wire.error(wrong, "invalid_request_error", code="unknown_url"))

    def _port(self, arm: int, sock: socket) -> ports.Port:
        connections: set[Connection] = set()
        connect = partial(ProviderConnection, partial(self.ask, arm), connections)
        return ports.Port(sock, connect, connections)

    def _shown(self, arm: int, path: str) -> Any:
        model = self._model(arm)
        match path:
            case "":
                return self.status(arm)
            case "/v1/models":
                return {"object": "list", "data": [model]}
        return model if path == f"/v1/models/{model['id']}" else None

    def _model(self, arm: int) -> dict[str, Any]:
        return {
            "id": self.models.models[arm],
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": self.servers.scenario.name,
        }

    def _asked(self, arm: int, api: str, body: bytes) -> Reply | Fault:
        try:
            request = asked.read(api, body)
            self._check(arm, request)
        except WrongError as error:
            kind = "invalid_request_error"
            content = wire.error(str(error), kind, code=error.code, param=error.param)
            return wire.whole(400, content)
        number = int.from_bytes(blake2b(request.text.encode(), digest_size=7).digest(), "big")
        tokens = 0 if api == "embeddings" else self._tokens(arm, number)
        size = np.array([float(request.prompt + min(tokens, request.most))])
        response, now = self.meet(arm, size)
        if response.fault[0]:
            return Fault(response.fault[0])
        t = now - self.servers.origin
        headers = dict(self._allowances.headers(arm, t))
        if response.outcome[0] == Outcome.RATE_LIMITED:
            return self._rate_limited(arm, t, size, response, headers)
        return self._answered(arm, request, number, tokens, response, t, headers)

    def _check(self, arm: int, request: Asked) -> None:
        """Refuse what this model never does."""
        longest, most = self.models.context[arm], min(request.most, 1 << 20)
        wanted = request.prompt + (most if request.most <= longest else 0)
        if wanted > longest:
            raise WrongError(
                f"This model's maximum context length is {longest} tokens. However, your request"
                f" needs {wanted} tokens. Please reduce the length of the messages or completion.",
                "messages",
                "context_length_exceeded",
            )
        if request.prefilled and not self.models.prefill[arm]:
            raise WrongError(
                "This model does not support assistant message prefill. The conversation must end"
                " with a user message.",
                "messages",
            )

    def _rate_limited(
        self, arm: int, t: Floats, size: Floats, response: Response, headers: dict[str, str]
    ) -> Reply:
        unit = self._allowances.refusing(arm, t, size)
        wait = float(response.retry_after[0])
        if wait > 0:
            headers |= {"Retry-After": f"{wait:.0f}", "retry-after-ms": f"{1000 * wait:.0f}"}
        short = {"tokens": "TPM", "requests": "RPM"}[unit]
        wrong = f"Rate limit reached for {self.models.models[arm]} on {unit} per min ({short})."
        return wire.whole(429, wire.error(wrong, unit, code="rate_limit_exceeded"), headers)

    def _answered(  # noqa: PLR0917
        self,
        arm: int,
        request: Asked,
        number: int,
        tokens: int,
        response: Response,
        t: Floats,
        headers: dict[str, str],
    ) -> Reply:
        faults = self.servers.ails(arm, float(t[0]))
        kinds = [fault.kind for fault in faults]
        failed = response.outcome[0] == Outcome.FAILED
        kind = next((each for each in kinds if each in FAILING), "error")
        late = sum(fault.delay for fault in faults if fault.kind == "slow")
        first = (float(response.latency[0]) - late) * self._slowness(arm) + late
        refused = looks.refused(kind, first) if failed else None
        if refused is not None:
            return refused
        worth = self._quality(arm, request.text, number, t)
        headers["x-quality"] = f"{worth:.2f}"
        answer = self._said(arm, request, min(tokens, request.most), tokens, worth)
        pieces = self._pieces(arm, answer, first, headers, kinds)
        return looks.broken(kind, answer, pieces, headers) if failed else Reply(pieces)

    def _said(self, arm: int, request: Asked, made: int, wanted: int, worth: float) -> Answer:
        words = said(worth, made) if made else []
        finish = "length" if made < wanted else "stop"
        model = self.models.models[arm]
        return Answer(request, model, uuid4().hex, int(time.time()), words, finish)

    def _pieces(
        self, arm: int, answer: Answer, first: float, headers: dict[str, str], kinds: list[str]
    ) -> list[tuple[float, bytes]]:
        """A whole answer, or its events, at the speed of this model."""
        speed = self.models.speed[arm]
        counted = "uncounted" not in kinds
        if not answer.asked.stream:
            body = apis.document(answer)
            body |= {} if counted else {"usage": None}
            return wire.whole(200, body, headers, first + len(answer.words) / speed).pieces
        words = list(apis.spoken(answer))
        group = max(1, round(speed * TICK))
        pieces = [(0.0, wire.opening(headers))]
        events = [*apis.begin(answer), *words[:group]]
        pieces.append((first, wire.joined(events)))
        for start in range(group, len(words), group):
            some = words[start : start + group]
            pieces.append((len(some) / speed, wire.joined(some)))
        last = [*apis.finish(answer), *(apis.counted(answer) if counted else ())]
        if answer.asked.api != "responses" and "undone" not in kinds:
            last.append(wire.DONE)
        pieces.append((0.0, wire.joined(last) + wire.LAST_CHUNK))
        return pieces

    def _slowness(self, arm: int) -> float:
        """What a latency of the scenario is multiplied by for this model."""
        median = self.servers.scenario.latency.median
        return self.models.first_token[arm] / median if median else 0.0

    def _tokens(self, arm: int, number: int) -> int:
        luck = chance.normal(self._luck(arm, number, "answer"))[0]
        tokens = self.models.answer * float(np.exp(self.models.sigma * luck))
        return max(SHORTEST_ANSWER, round(tokens))

    def _quality(self, arm: int, text: str, number: int, t: Floats) -> float:
        if self._world is None:
            return 1.0
        labels = self._world.labels
        label = self._kinds.label(text)
        task = labels.index(label) if label in labels else number % len(labels)
        luck = self._luck(arm, number, "quality")
        return float(self._world.judged(np.array([task]), np.array([arm]), t, luck)[0])

    def _luck(self, arm: int, number: int, purpose: str) -> Floats:
        name = self.servers.scenario.name
        return chance.uniform(chance.key(self.servers.fleet.seeds, name, arm, purpose), number)
