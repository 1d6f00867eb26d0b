"""A route of kind ``openai``: what it knows of models, keys, money, and how its servers do."""

import hmac
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flaky_load_balancer.config import Gateway, RouteSettings
from flaky_load_balancer.core.types import Floats, Rules
from flaky_load_balancer.features import Features
from flaky_load_balancer.gateway.asked import Asked
from flaky_load_balancer.gateway.budget import RollingBudget
from flaky_load_balancer.gateway.errors import AskedWrongError
from flaky_load_balancer.gateway.ledger import Ledger
from flaky_load_balancer.gateway.limits import Remaining
from flaky_load_balancer.gateway.terms import Terms
from flaky_load_balancer.proxy.counts import Counts
from flaky_load_balancer.proxy.pool import Pool, Server
from flaky_load_balancer.proxy.retry import RetryPolicy
from flaky_load_balancer.proxy.route import Route, drawn
from flaky_load_balancer.proxy.routing import upstream_target
from flaky_load_balancer.proxy.timers import Alarms

TASK = "task="  # what the names of features begin with that mark a task
FREE = "auto"  # what clients may ask for where a route names no models


class GatewayRoute:
    """A route with the parts of its A/B test; ``before``: what it was until a reload."""

    def __init__(
        self,
        settings: RouteSettings,
        parts: Sequence[tuple[float, Route]],
        pool: Pool,
        before: "GatewayRoute | None" = None,
        *,
        counts: Counts | None = None,
    ) -> None:
        assert settings.gateway is not None
        self.settings = settings
        self.gateway: Gateway = settings.gateway
        self.parts = list(parts)
        self.pool = pool
        self.retry = RetryPolicy(settings.retry)
        self.first_bytes = Alarms(settings.timeouts.first_byte)
        self.prefix = settings.path.encode()
        self.budget = self._budget(before, counts)
        self.features = Features(self.gateway.features) if self.gateway.features else None
        self.remaining: dict[str, Remaining] = {} if before is None else before.remaining
        self.ledger: Ledger = Ledger() if before is None else before.ledger
        self._models = dict(self.gateway.models)
        for _, part in self.parts:
            part.paid = self
        self._keys = [key.encode() for key in self.gateway.keys]

    def part(self) -> Route:
        """The strategy that decides about the next request."""
        return drawn(self.parts)

    def lets_in(self, authorization: bytes) -> bool:
        """Whether a client has one of the keys; it takes as long whichever it is."""
        scheme, _, token = authorization.partition(b" ")
        if not self._keys:
            return True
        right = [hmac.compare_digest(token.strip(), key) for key in self._keys]
        return any(right) and scheme.lower() == b"bearer"

    @property
    def models(self) -> list[str]:
        """What clients may ask for."""
        if self._models:
            return list(self._models)
        own = [server.settings.provider.model for server in self.pool.servers]
        return list(dict.fromkeys([FREE, *(model for model in own if model)]))

    def terms(self, asked: Asked, part: Route) -> Terms:
        """What a request asks of servers; AskedWrongError if there is no such model."""
        names = self._serving(asked.model)
        if asked.server is not None and (names is None or asked.server in names):
            names = frozenset({asked.server})
        return Terms(asked, names, self.budget, self.remaining, part.dispatcher.now)

    def seen(self, asked: Asked) -> Floats | None:
        """(1, d) what strategies see of a request."""
        return None if self.features is None else self.features.of(asked.text)[None, :]

    def target(self, server: Server, path: bytes) -> bytes:
        return upstream_target(server.base, self.prefix, path, strip=True)

    # What people see.

    @property
    def names(self) -> Sequence[str]:
        return () if self.features is None else self.features.names

    @property
    def tasks(self) -> Sequence[str]:
        return [name.removeprefix(TASK) for name in self.names if name.startswith(TASK)]

    def money(self, now: float) -> dict[str, float | None]:
        """Dollars of the budget; ``price`` is what one is worth, in units of quality."""
        budget, price = self.budget, self.gateway.usd
        if budget is None:
            return {"price": price, "usd": None, "per": None, "left": None}
        left = max(0.0, budget.left(now))
        return {"price": price, "usd": budget.usd, "per": budget.per, "left": left}

    def _serving(self, model: str) -> frozenset[str] | None:
        """The names of the servers that may serve a model, None for all."""
        if self._models:
            if model not in self._models:
                raise AskedWrongError(
                    404,
                    f"The model {model!r} does not exist; use {', '.join(self._models)}.",
                    code="model_not_found",
                    param="model",
                )
            names = self._models[model]
            return None if names is None else frozenset(names)
        having = [s.name for s in self.pool.servers if s.settings.provider.model == model]
        return frozenset(having) if having else None

    def _budget(self, before: "GatewayRoute | None", counts: Counts | None) -> RollingBudget | None:
        wanted = self.gateway.budget
        if wanted is None:
            return None
        there = None if before is None else before.budget
        if there is not None and there.per == wanted.per:
            there.usd = wanted.usd
            return there
        return RollingBudget(wanted.usd, wanted.per, counts, f"route {self.settings.name}")


def rules(settings: RouteSettings, arms: int) -> Rules:
    """The game of a route, with its features, rewards and costs."""
    plain, gateway = settings.game.rules(arms), settings.gateway
    if settings.contexts is not None:
        return replace(plain, **vars(settings.contexts))
    if gateway is None:
        return plain
    names = Features(gateway.features).names if gateway.features else ()
    tasks = np.flatnonzero([name.startswith(TASK) for name in names])
    return replace(
        plain,
        features=len(names),
        tasks=(int(tasks[0]), int(tasks[-1]) + 1) if tasks.size else (0, 0),
        rewards=gateway.reward == "feedback",
        usd=gateway.usd,
        seconds=gateway.seconds,
    )
