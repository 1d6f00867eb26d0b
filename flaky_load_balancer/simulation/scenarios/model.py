"""What a scenario says, as frozen values: checked by the reader, used by fleets."""

from dataclasses import dataclass, field

from flaky_load_balancer.simulation.scenarios.contexts import Contexts


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
class Failure:
    """The chance that an admitted attempt fails."""

    rate: PerServer


@dataclass(frozen=True, slots=True)
class Motion:
    """How a limit moves around its base; ranges are drawn from for every server."""

    kind: str  # sinusoid, steps or walk
    amplitude: tuple[float, float]  # at most 1: the factor stays within 1 - a and 1 + a
    period: tuple[float, float]  # seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts a server admits in a window, and how it counts them."""

    kind: str  # token-bucket, fixed-window or sliding-window
    window: float  # seconds
    admissions: PerServer  # in each window
    burst: float = 1.0  # the most tokens that a bucket keeps
    retry_after: bool = False
    capacity: tuple[float, float] | None = None  # sum(limit x success) over the arrival rate
    motion: Motion | None = None

    def __str__(self) -> str:
        text = f"{self.kind} {self.admissions} per {self.window:g} s"
        return text if self.motion is None else f"{text} moving as {self.motion.kind}"


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds until an attempt is answered: lognormal."""

    median: float = 0.0011
    sigma: float = 0.4


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of trouble on some servers, in seconds from the fleet's first attempt."""

    servers: tuple[int, ...]
    start: float
    end: float  # excluded; may be infinite
    kind: str  # down, hang, reset, garbage, slow, error, quality, price, added or removed
    delay: float = 1.0  # seconds that slow adds
    rate: float = 1.0  # the chance of failing under error
    factor: float = 1.0  # what quality or price multiply theirs by


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fleet of servers, before chance has its say."""

    name: str
    servers: int
    failure: Failure
    description: str = ""
    port: int | None = None  # the first server's; the others follow
    limit: Limit | None = None
    latency: Latency = field(default=Latency())
    faults: tuple[Stretch, ...] = ()
    contexts: Contexts | None = None

    @property
    def parameters(self) -> str:
        """What the file says, on one line, for people."""
        parts = [f"{self.servers} servers", f"failure {self.failure.rate}"]
        parts += [] if self.limit is None else [str(self.limit)]
        troubled = sorted({fault.kind for fault in self.faults})
        parts += [f"faults {' '.join(troubled)}"] if troubled else []
        parts += [] if self.port is None else [f"ports from {self.port}"]
        return ", ".join(parts)

    @property
    def changes(self) -> tuple[float, ...]:
        """The times at which a fault begins or ends, in order."""
        return tuple(sorted({time for fault in self.faults for time in (fault.start, fault.end)}))
