"""Providers on real ports: the servers of a scenario with ``[openai]``, speaking its protocol.

Whether an attempt is admitted, fails and how long it takes is the business of ``Servers``, as for
the flaky servers of the game: here is only how that looks.  What a model answers is a function of
the server and of what was asked.
"""

import time
from collections.abc import Sequence
from functools import partial
from math import exp
from socket import socket
from typing import Any
from uuid import uuid4

import numpy as np

from flaky_load_balancer.core.types import Floats, Outcome
from flaky_load_balancer.simulation.fleets import ports
from flaky_load_balancer.simulation.fleets.connection import Connection, Request
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.live import FleetAddress, LiveFleet
from flaky_load_balancer.simulation.fleets.servers import Fault, Response
from flaky_load_balancer.simulation.providers import apis, asked, looks, wire
from flaky_load_balancer.simulation.providers.allowances import Allowances
from flaky_load_balancer.simulation.providers.apis import Answer
from flaky_load_balancer.simulation.providers.asked import ENDLESS, Asked, WrongError
from flaky_load_balancer.simulation.providers.connection import Piece, ProviderConnection
from flaky_load_balancer.simulation.providers.judge import Judge
from flaky_load_balancer.simulation.providers.luck import Luck
from flaky_load_balancer.simulation.providers.wire import Reply
from flaky_load_balancer.simulation.providers.words import said
from flaky_load_balancer.simulation.scenarios import Stretch
from flaky_load_balancer.simulation.scenarios.providers import FAILING

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
        self._judge = Judge(fleet.scenario)
        self._luck = [Luck(fleet, arm) for arm in range(fleet.scenario.servers)]
        self._measure()

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
        self._measure()

    def _measure(self) -> None:
        arms = range(self.servers.arms)
        self._allowances = [Allowances(self.servers, arm) for arm in arms]

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
        uniform, normal = self._luck[arm].of(request.text)
        wanted = 0 if api == "embeddings" else self._length(normal)
        made = min(wanted, request.most)
        size = request.prompt + made
        response, now = self.meet(arm, np.array([float(size)]))
        if response.fault[0]:
            return Fault(response.fault[0])
        t = now - self.servers.origin
        headers = self._allowances[arm].headers(t)
        if response.outcome[0] == Outcome.RATE_LIMITED:
            return self._rate_limited(arm, t, size, response, headers)
        faults = self.servers.ails(arm, float(t[0]))
        worth = self._judge.worth(arm, request.text, uniform, faults)
        headers.append(f"x-quality: {worth:.2f}")
        model = self.models.models[arm]
        words = said(worth, made) if made else []
        finish = "length" if made < wanted else "stop"
        answer = Answer(request, model, uuid4().hex, int(time.time()), words, finish)
        return self._answered(arm, answer, response, headers, faults)

    def _check(self, arm: int, request: Asked) -> None:
        """Refuse what this model never does."""
        longest = self.models.context[arm]
        wanted = request.prompt + (0 if request.most == ENDLESS else request.most)
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

    def _length(self, normal: float) -> int:
        """Tokens of an answer."""
        return max(SHORTEST_ANSWER, round(self.models.answer * exp(self.models.sigma * normal)))

    def _rate_limited(
        self, arm: int, t: Floats, size: int, response: Response, headers: list[str]
    ) -> Reply:
        unit = self._allowances[arm].refusing(t, size)
        wait = float(response.retry_after[0])
        if wait > 0:
            headers += [f"Retry-After: {wait:.0f}", f"retry-after-ms: {1000 * wait:.0f}"]
        short = {"tokens": "TPM", "requests": "RPM"}[unit]
        wrong = f"Rate limit reached for {self.models.models[arm]} on {unit} per min ({short})."
        return wire.whole(429, wire.error(wrong, unit, code="rate_limit_exceeded"), headers)

    def _answered(
        self,
        arm: int,
        answer: Answer,
        response: Response,
        headers: list[str],
        faults: list[Stretch],
    ) -> Reply:
        """An answer as it should be, or as a failure looks."""
        kinds = [fault.kind for fault in faults]
        late = sum(fault.delay for fault in faults if fault.kind == "slow")
        first = (float(response.latency[0]) - late) * self._slowness(arm) + late
        if response.outcome[0] != Outcome.FAILED:
            return Reply(self._pieces(arm, answer, first, headers, kinds))
        kind = next((each for each in kinds if each in FAILING), "error")
        refused = looks.refused(kind, first)
        if refused is not None:
            return refused
        pieces = self._pieces(arm, answer, first, headers, kinds)
        return looks.broken(kind, answer, pieces, headers)

    def _slowness(self, arm: int) -> float:
        """What a latency of the scenario is multiplied by for this model."""
        median = self.servers.scenario.latency.median
        return self.models.first_token[arm] / median if median else 0.0

    def _pieces(
        self, arm: int, answer: Answer, first: float, headers: list[str], kinds: list[str]
    ) -> list[Piece]:
        """A whole answer, or its events, at the speed of this model."""
        speed = self.models.speed[arm]
        if answer.asked.stream:
            return self._events(answer, first, speed, headers, kinds)
        body = apis.document(answer)
        if "uncounted" in kinds:
            body["usage"] = None
        return wire.whole(200, body, headers, first + len(answer.words) / speed).pieces

    def _events(
        self, answer: Answer, first: float, speed: float, headers: list[str], kinds: list[str]
    ) -> list[Piece]:
        words, group = apis.spoken(answer), max(1, round(speed * TICK))
        begun = wire.joined([*apis.begin(answer), *words[:group]])
        pieces = [(0.0, wire.opening(headers)), (first, begun)]
        for start in range(group, len(words), group):
            some = words[start : start + group]
            pieces.append((len(some) / speed, wire.joined(some)))
        last = apis.finish(answer)
        if "uncounted" not in kinds:
            last += apis.counted(answer)
        if answer.asked.api != "responses" and "undone" not in kinds:
            last.append(wire.DONE)
        return [*pieces, (0.0, wire.joined(last) + wire.LAST_CHUNK)]
