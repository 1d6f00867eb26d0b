"""The gateway's demonstration: three fake providers, the gateway, a client that rates answers.

Nothing is told to the gateway but addresses, models and prices: which model is good at what, and
how each is limited, it has to learn.
"""

import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.asking import Asked, Asking
from flaky_load_balancer.harness.questions import questions
from flaky_load_balancer.processes import Child
from flaky_load_balancer.simulation import scenarios

SCENARIO = "llm-mixed"
ROUTE = "chat"
LOST = 0.05  # of the questions, that may stay without an answer: providers have faults
PARTS = 3  # of the run that are compared: what is learnt shows from the first to the last


@dataclass(frozen=True)
class Settings:
    """What is shown, and how: ports 0 for any that is free."""

    requests: int = 500
    rate: float = 10.0
    seed: int = 0
    strategy: str = "linucb:alpha=0.6"
    usd: float = 100.0  # what a dollar costs, in points: a perfect answer is worth a cent
    port: int = 8000
    admin_port: int = 8001
    sandbox: str = "off"


@dataclass(frozen=True)
class Part:
    """One of the parts of a run."""

    questions: int
    answered: int
    rated: int  # answers whose rating the gateway took
    quality: float  # the mean; 0 for what was not answered
    usd: float  # dollars per thousand questions
    refused: int  # attempts that were answered 429

    @classmethod
    def of(cls, asked: Sequence[Asked], refused: int) -> "Part":
        count = len(asked)
        return cls(
            count,
            sum(each.server is not None for each in asked),
            sum(each.rated for each in asked),
            sum(each.quality for each in asked) / count,
            1000 * sum(each.usd for each in asked) / count,
            refused,
        )


@dataclass(frozen=True)
class Shown:
    """The whole run: its parts, and which model answered each task how often in the last one."""

    parts: list[Part]
    models: dict[str, dict[str, int]]

    def result(self) -> dict[str, Any]:
        return {"parts": [asdict(part) for part in self.parts], "models": self.models}

    @property
    def complete(self) -> bool:
        """Nearly every question was answered, and every answer rated."""
        return self.unanswered <= LOST * sum(part.questions for part in self.parts) and (
            self.unrated == 0
        )

    @property
    def unanswered(self) -> int:
        return sum(part.questions - part.answered for part in self.parts)

    @property
    def unrated(self) -> int:
        """Answers whose rating was not taken."""
        return sum(part.answered - part.rated for part in self.parts)


class Running:
    """Providers and gateway under way."""

    def __init__(self, settings: Settings, ready: dict[str, Any], children: list[Child]) -> None:
        self.settings, self.children = settings, children
        self.data: str = ready["data"]
        self.admin: str = ready["admin"]

    async def show(self, answered: Callable[[], None]) -> Shown:
        """Ask all questions.  ChildDiedError if providers or gateway die meanwhile."""
        providers, gateway = self.children
        return await providers.unless_it_dies(gateway.unless_it_dies(self._show(answered)))

    async def _show(self, answered: Callable[[], None]) -> Shown:
        every = questions(self.settings.requests, self.settings.seed)
        client, parts, refused = Asking(self.data, self.settings.rate, answered), [], 0
        last: list[Asked] = []
        for some in parts_of(every):
            last = await client.ask(some)
            before, refused = refused, await self._refused()
            parts.append(Part.of(last, refused - before))
        return Shown(parts, models_of(last))

    async def _refused(self) -> int:
        """Attempts that were answered 429 so far."""
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
            shown = (await http.get(f"{self.admin}/api/snapshot")).raise_for_status().json()
        return int(shown["routes"][0]["rate_limited"])


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Three providers and the gateway before them, as long as the context is entered."""
    async with AsyncExitStack() as stack:
        providers = await _providers(settings)
        stack.push_async_callback(providers.stop)
        (fleet,) = (await providers.ready())["fleets"]
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flb-gateway-"))
        config = Path(folder) / "gateway.toml"
        config.write_text(configuration(fleet, settings), encoding="utf-8")
        gateway = await Child.start("the gateway", _serve(config, settings))
        stack.push_async_callback(gateway.stop)
        ready = await providers.unless_it_dies(gateway.ready())
        yield Running(settings, ready, [providers, gateway])


async def _providers(settings: Settings) -> Child:
    """The fake providers, in the sandbox if there is one that confines them where they are."""
    in_place = settings.sandbox == isolation.IN_PLACE
    command = isolation.servers_command(
        settings.sandbox if in_place else isolation.OFF,
        [(SCENARIO, scenarios.find(SCENARIO))],
        seed=settings.seed,
        rate=settings.rate,
        copies=1,
        free_ports=True,
        confines_itself=in_place,
    )
    env = isolation.passed_on() | {"TMPDIR": tempfile.gettempdir()} if in_place else None
    return await Child.start("the providers", [*command, "--json", "-", "--child"], env)


def _serve(config: Path, settings: Settings) -> list[str]:
    command = [sys.executable, "-m", "flaky_load_balancer", "serve", "--config", str(config)]
    command += ["--port", str(settings.port), "--admin-port", str(settings.admin_port)]
    return [*command, "--seed", str(settings.seed), "--no-records", "--json", "-", "--child"]


def configuration(fleet: dict[str, Any], settings: Settings) -> str:
    """The gateway's config file: what `flb serve --config` needs before these providers."""
    servers = [
        f"  {{ name = {_text(model['model'])}, url = {_text(url)}, model = {_text(model['model'])},"
        f" usd_per_mtok = {{ input = {model['usd_per_mtok']['input']},"
        f" output = {model['usd_per_mtok']['output']} }} }},"
        for url, model in zip(fleet["servers"], fleet["models"], strict=True)
    ]
    return "\n".join(
        [
            "[pools.models]",
            "servers = [",
            *servers,
            "]",
            f"[routes.{ROUTE}]",
            'kind = "openai"',
            'path = "/v1"',
            'pool = "models"',
            f"strategy = {_text(settings.strategy)}",
            'reward = "feedback"',
            f"objective = {{ usd = {settings.usd} }}",
            'features = ["task"]',
            "timeouts = { first_byte = 2.0, idle = 2.0, total = 20.0 }",
            "",
        ]
    )


def _text(value: str) -> str:
    return json.dumps(value)


def parts_of(every: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """The parts of a run, as equal as they can be."""
    cuts = [len(every) * place // PARTS for place in range(PARTS + 1)]
    return [every[start:end] for start, end in pairwise(cuts)]


def models_of(asked: Sequence[Asked]) -> dict[str, dict[str, int]]:
    """How often each model answered each task."""
    table: dict[str, dict[str, int]] = {}
    for each in asked:
        row = table.setdefault(each.task, {})
        name = each.server or "none"
        row[name] = row.get(name, 0) + 1
    return dict(sorted(table.items()))
