"""Everything that can be configured, as frozen objects with the defaults of the documents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from flaky_load_balancer.config.table import SettingsError
from flaky_load_balancer.core.types import Rules

Kind = Literal["http", "ids", "openai"]
METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")  # idempotent: RFC 9110, 9.2.2
MOST_WORKERS = 256  # each is a process, and learns from all others
FAILED = frozenset({500, 502, 503, 504, *range(520, 600)})


def flag(name: str) -> str:
    """The option of the command line that a field is set by."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Scoring:
    """How a request's attempts are counted: the key ``game`` of a route."""

    free_attempts: int = 3
    max_attempts: int = 3
    penalty: float = 0.5

    def rules(self, arms: int) -> Rules:
        return Rules(arms, self.free_attempts, self.max_attempts, self.penalty)


@dataclass(frozen=True)
class Game(Scoring):
    """The rules that experiments play by; times in seconds."""

    max_attempts: int = 10
    deadline: float = 10.0
    attempt_timeout: float = 2.0

    def checked(self, called: Callable[[str], str] = flag) -> "Game":
        """These rules, if they can be played by; ``called``: what errors call a field."""
        if self.max_attempts < 1:
            name = called("max_attempts")
            raise SettingsError(f"{name} must be at least 1, not {self.max_attempts}")
        if self.free_attempts < 0:
            name = called("free_attempts")
            raise SettingsError(f"{name} must not be negative: {self.free_attempts}")
        for field_name in ("penalty", "deadline", "attempt_timeout"):
            value = getattr(self, field_name)
            low = 0 if field_name == "penalty" else 1e-3
            if not low <= value < 1e6:
                name = called(field_name)
                raise SettingsError(f"{name} must be a number from {low} up, not {value}")
        return self


@dataclass(frozen=True)
class Timeouts:
    """Seconds.  ``total`` counts until the head of the answer, ``idle`` between bytes."""

    connect: float = 1.0
    first_byte: float = 10.0
    idle: float = 30.0
    total: float = 60.0

    @classmethod
    def of_game(cls, game: Game) -> "Timeouts":
        """Kind ``ids``: an attempt has one limit, for all of it."""
        limit = game.attempt_timeout
        return cls(connect=limit, first_byte=limit, idle=limit, total=game.deadline)


@dataclass(frozen=True)
class Retry:
    """What may be attempted again, and how much of it; ``buffer`` in bytes."""

    methods: frozenset[str] = frozenset(METHODS)
    budget_percent: float = 20.0
    budget_per_second: float = 10.0
    buffer: int = 65536


@dataclass(frozen=True)
class Hedge:
    """A second attempt while the first one has not answered, for ``percent`` of requests at most.

    ``after`` is in seconds; or ``quantile`` says of the route's times to first byte.
    """

    percent: float = 5.0
    after: float | None = None
    quantile: float | None = 0.95


@dataclass(frozen=True)
class Mirror:
    """Copies of requests for another pool, whose answers are dropped."""

    pool: str
    percent: float = 100.0


@dataclass(frozen=True)
class Part:
    """One strategy of an A/B test, and its percentage of the requests."""

    strategy: str
    percent: float


@dataclass(frozen=True)
class Health:
    """Active checks of every server of a pool; times in seconds."""

    path: str = "/"
    every: float = 5.0
    timeout: float = 1.0
    fall: int = 3
    rise: int = 2


@dataclass(frozen=True)
class Tls:
    """How servers are verified; ``ca`` None: with the roots of the system."""

    verify: bool = True
    ca: Path | None = None
    server_name: str | None = None


@dataclass(frozen=True)
class TlsKeys:
    """The certificate and key that clients see."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Prices:
    """Dollars per million tokens: of the request, of the answer, of what the server had cached."""

    input: float = 0.0
    output: float = 0.0
    cached: float = 0.0


@dataclass(frozen=True)
class Provider:
    """What kind ``openai`` has to know of a server.

    ``model`` and ``key`` take the place of the client's; ``max_output`` and ``context`` in tokens;
    ``ask_usage``: it may be asked for the usage of streamed answers.
    """

    model: str | None = None
    key: str | None = field(default=None, repr=False)
    prices: Prices | None = None
    max_output: int | None = None
    context: int | None = None
    ask_usage: bool = True


@dataclass(frozen=True)
class Budget:
    """The dollars that may be spent within any ``per`` seconds."""

    usd: float
    per: float


@dataclass(frozen=True)
class Gateway:
    """What a route of kind ``openai`` allows and aims at.

    ``models`` pairs what clients may ask for with the servers that may serve it, None for all;
    empty: any model, from any server.  ``usd`` and ``seconds`` are the points that a dollar and a
    second cost.  ``keys`` are the tokens of clients; empty: open.
    """

    models: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    reward: str = "delivered"  # or "feedback"
    usd: float = 0.0
    seconds: float = 0.0
    budget: Budget | None = None
    features: tuple[str, ...] = ()
    keys: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class ServerSettings:
    """One server.  ``identity`` is what beliefs, metrics, records and drains go by."""

    url: str = field(repr=False)  # from the environment it may hold secrets
    identity: str
    max_in_flight: int | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    provider: Provider = Provider()

    @classmethod
    def at(cls, url: str) -> "ServerSettings":
        return cls(url, url)


@dataclass(frozen=True)
class PoolSettings:
    """Servers that belong together.

    ``scenario`` and ``seed`` are known for flaky servers of the lab, and if the lab says so
    ``truth`` (chances of success, faults apart) and ``bound`` (pairs of requests and best mean
    score); for charts the same truth over time, ``pieces``, and ``faults``, as JSON, in seconds
    since the first attempt.
    """

    servers: tuple[ServerSettings, ...]
    tls: Tls = Tls()
    health: Health | None = None
    scenario: str | None = None
    seed: int = 0
    truth: tuple[float, ...] | None = None
    bound: tuple[tuple[int, float], ...] | None = None
    pieces: Mapping[str, Any] | None = None
    faults: tuple[Mapping[str, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(server.identity for server in self.servers)


@dataclass(frozen=True)
class Contexts:
    """What requests of kind ``ids`` are about: the key ``contexts`` of a route.

    Each says so many ``features`` in its header X-FLB-Features; columns ``tasks`` of them, the end
    excluded, mark its task.  With ``rewards`` servers say in X-Quality what answers are worth.
    ``usd`` and ``seconds`` are the points that one of each costs.
    """

    features: int = 0
    tasks: tuple[int, int] = (0, 0)
    rewards: bool = False
    usd: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class RouteSettings:
    """Which requests, where they go, what chooses, and by which rules."""

    name: str
    path: str
    pool: str
    strategy: str = "cascade"
    kind: Kind = "http"
    hosts: tuple[str, ...] = ()
    strip_path: bool = False
    preserve_host: bool = False
    flb_headers: bool = True
    game: Scoring = Scoring()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    hedge: Hedge | None = None
    mirror: Mirror | None = None
    split: tuple[Part, ...] = ()
    failed: frozenset[int] = FAILED
    gateway: Gateway | None = None  # of kind openai
    contexts: Contexts | None = None  # of kind ids

    @classmethod
    def of_ids(cls, name: str, path: str, pool: str, strategy: str, game: Game) -> "RouteSettings":
        """A route of the game."""
        return cls(
            name, path, pool, strategy, kind="ids", game=game, timeouts=Timeouts.of_game(game)
        )

    @classmethod
    def of_openai(cls, name: str, path: str, pool: str) -> "RouteSettings":
        """A route of the LLM gateway, with its defaults."""
        return cls(
            name,
            path,
            pool,
            kind="openai",
            timeouts=Timeouts(first_byte=120.0, total=300.0),
            retry=Retry(methods=frozenset({*METHODS, "POST"})),
            failed=FAILED | {408},
            gateway=Gateway(),
        )


@dataclass(frozen=True)
class Share:
    """Where replicas meet: the address of a Redis, and a name for streams of their own there."""

    url: str = field(repr=False)
    name: str = "flb"


@dataclass(frozen=True)
class Thresholds:
    """When to raise an alert about a route; None: never.

    Of ``exploration`` and ``width`` (shares), ``alarms`` and ``violations`` (of the last minute)
    more than this; of ``since_change``, the seconds since a change was detected, less.
    """

    exploration: float | None = None
    width: float | None = None
    alarms: float | None = None
    violations: float | None = None
    since_change: float | None = None


@dataclass(frozen=True)
class Alerts:
    """Thresholds of all routes, and in their place those of some ``routes``, by name.

    They have to be crossed, and kept again, for ``lasting`` seconds before anybody is told.
    """

    webhook: str | None = field(default=None, repr=False)  # a URL; it may hold secrets
    lasting: float = 10.0
    thresholds: Thresholds = Thresholds()
    routes: Mapping[str, Thresholds] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """All that ``flb serve`` is configured to do."""

    pools: dict[str, PoolSettings]
    routes: tuple[RouteSettings, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    admin_host: str = "127.0.0.1"
    admin_port: int = 8001
    admin_token: str | None = field(default=None, repr=False)
    admin_names: tuple[str, ...] = ()
    tls: TlsKeys | None = None
    trust_forwarded: tuple[str, ...] = ()  # addresses and networks
    max_in_flight: int = 1024
    drain: float = 5.0  # seconds that requests in flight get after SIGTERM
    workers: int = 1
    seed: int = 0
    rate: float = 10.0  # requests per second and route that are expected, and
    requests: int = 100  # how many of them: the bound depends on both
    data_dir: Path | None = Path(".flb")  # None: no records
    records: str | None = field(default=None, repr=False)  # the address of a database
    keep: str | None = None
    share: Share | None = None  # None: nothing is shared
    alerts: Alerts = Alerts()
    session: str | None = None  # an existing session to join, else a new one
    access_log: str | None = None  # a file, or "-" for stdout

    @property
    def place(self) -> Path | str | None:
        """Where records go: a folder, or the address of a database; None: no records."""
        return None if self.data_dir is None else self.records or self.data_dir

    @property
    def kept(self) -> str | None:
        """How much of the records; nothing of a database is deleted unasked."""
        return self.keep or (None if self.records else "10GB")
