"""An A/B test: routes that share the requests of one, and what each came to since it began."""

from collections.abc import Sequence
from dataclasses import dataclass

from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.proxy.route import Route


@dataclass(frozen=True, eq=False)
class Arm:
    """One strategy of the test; ``before`` is what its run had come to when the test began."""

    route: Route
    share: float  # of the requests, up to 1
    before: "Came"

    @property
    def came(self) -> "Came":
        """What it came to since the test began."""
        return Came.to(self.route).since(self.before)


@dataclass(frozen=True, eq=False)
class Came:
    """What a run came to."""

    requests: int
    delivered: int
    latency: Histogram

    @classmethod
    def to(cls, route: Route) -> "Came":
        tally, latency = route.tally, Histogram()
        latency.merge(tally.latency)
        return cls(tally.requests, tally.delivered, latency)

    def since(self, before: "Came") -> "Came":
        return Came(
            self.requests - before.requests,
            self.delivered - before.delivered,
            self.latency.since(before.latency),
        )


@dataclass(frozen=True, eq=False)
class Split:
    """A test goes on while a reload leaves its strategies and their shares as they are.

    With other shares it begins anew: requests of a bad hour would count more for one than for the
    other.
    """

    name: str  # of the route
    began: float  # seconds since the epoch
    arms: Sequence[Arm]

    @classmethod
    def begin(cls, name: str, parts: Sequence[tuple[float, Route]], now: float) -> "Split":
        return cls(name, now, [Arm(route, share, Came.to(route)) for share, route in parts])

    def is_of(self, parts: Sequence[tuple[float, Route]]) -> bool:
        """Whether these are its strategies, with their shares."""
        mine = [(arm.share, id(arm.route)) for arm in self.arms]
        return mine == [(share, id(route)) for share, route in parts]
