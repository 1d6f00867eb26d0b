"""What a scenario says, as frozen values: checked by the reader, used by fleets."""

from dataclasses import dataclass, field

from flaky_load_balancer.simulation.scenarios.contexts import Contexts
from flaky_load_balancer.simulation.scenarios.providers import Providers


@dataclass(frozen=True, slots=True)
class PerServer:
    """A number for every server: drawn from low to high, or given, which is low = high.

    Both have one entry for each server.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def drawn(self) -> bool:
        """Whether chance has a say."""
        return self.low != self.high

    def __str__(self) -> str:
        if len(set(zip(self.low, self.high, strict=True))) > 1:
            return ", ".join(f"{value:g}" for value in self.low)
        low, high = self.low[0], self.high[0]
        return f"{low:g}" if low == high else f"{low:g} to {high:g}"


@dataclass(frozen=True, slots=True)
class Motion:
    """How a limit or a rate moves around its base; ranges are drawn from for every server."""

    kind: str  # sinusoid, steps or walk
    amplitude: tuple[float, float]  # at most 1: the factor stays within 1 - a and 1 + a
    period: tuple[float, float]  # seconds


@dataclass(frozen=True, slots=True)
class Markov:
    """Servers go up and down by chance, also when nobody asks; ranges as in ``Motion``."""

    up: tuple[float, float]  # mean seconds that a server stays up
    down: tuple[float, float]  # and down
    rate: float = 1.0  # the chance that an attempt fails while it is down


@dataclass(frozen=True, slots=True)
class Failure:
    """The chance that an admitted attempt fails, and how it moves."""

    rate: PerServer
    motion: Motion | None = None
    markov: Markov | None = None

    def __str__(self) -> str:
        if self.motion is not None:
            return f"failure {self.rate} moving as {self.motion.kind}"
        return f"failure {self.rate}" + ("" if self.markov is None else ", up and down by chance")


@dataclass(frozen=True, slots=True)
class Limit:
    """How much servers admit in a window, and how they count it.

    Each of its servers has a limit of its own, or all share one: an account.
    """

    kind: str  # token-bucket, fixed-window or sliding-window
    window: float  # seconds
    admissions: PerServer  # in each window: one entry for each server, or one for the account
    burst: float | None = 1.0  # the most that a bucket keeps; None: what one window admits
    retry_after: bool = False
    capacity: tuple[float, float] | None = None  # sum(limit x success) over the arrival rate
    motion: Motion | None = None
    servers: tuple[int, ...] | None = None  # None: all
    unit: str = "requests"  # or tokens: an attempt takes the size of its request
    account: str | None = None

    @property
    def in_tokens(self) -> bool:
        return self.unit == "tokens"

    def groups(self, servers: int) -> tuple[tuple[int, ...], ...]:
        """The servers behind each of its limiters, of a fleet of so many."""
        members = tuple(range(servers)) if self.servers is None else self.servers
        return tuple((arm,) for arm in members) if self.account is None else (members,)

    def __str__(self) -> str:
        unit = " tokens" if self.in_tokens else ""
        text = f"{self.kind} {self.admissions}{unit} per {self.window:g} s"
        if self.motion is not None:
            text += f" moving as {self.motion.kind}"
        if self.servers is not None:
            text += f" on {' '.join(map(str, self.servers))}"
        return text if self.account is None else f"{text} shared as {self.account}"


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of a request: lognormal, whole, at least 1."""

    median: float
    sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds until an attempt is answered: lognormal, or Pareto where servers have tails."""

    median: float = 0.0011
    sigma: float = 0.4
    tail: PerServer | None = None  # Pareto's index a: P(latency > x) = (median / x)^a / 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of trouble on some servers, in seconds from the fleet's first attempt."""

    servers: tuple[int, ...]
    start: float
    end: float  # excluded; may be infinite
    kind: str  # down, hang, reset, garbage, slow, error, quality, price, added, removed or a look
    delay: float = 1.0  # seconds that slow adds
    rate: float = 1.0  # the chance of failing under error, or with a look
    factor: float = 1.0  # what quality or price multiply theirs by


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fleet of servers, before chance has its say."""

    name: str
    servers: int
    failure: Failure
    description: str = ""
    port: int | None = None  # the first server's; the others follow
    limits: tuple[Limit, ...] = ()
    size: Size | None = None  # None: requests have none
    latency: Latency = field(default=Latency())
    faults: tuple[Stretch, ...] = ()
    contexts: Contexts | None = None
    openai: Providers | None = None  # then its servers speak the OpenAI protocol

    @property
    def parameters(self) -> str:
        """What the file says, on one line, for people."""
        parts = [f"{self.servers} servers", str(self.failure)]
        parts += [] if self.openai is None else [f"models {' '.join(self.openai.models)}"]
        parts += map(str, self.limits)
        troubled = sorted({fault.kind for fault in self.faults})
        parts += [f"faults {' '.join(troubled)}"] if troubled else []
        parts += [] if self.port is None else [f"ports from {self.port}"]
        return ", ".join(parts)

    @property
    def steady(self) -> bool:
        """Whether servers fail as often at all times."""
        return not (self.changes or self.failure.motion or self.failure.markov)

    @property
    def changes(self) -> tuple[float, ...]:
        """The times at which a fault begins or ends, in order."""
        return tuple(sorted({time for fault in self.faults for time in (fault.start, fault.end)}))
