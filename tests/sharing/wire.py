"""Replicas of a balancer in one process, on a clock and a wire that a test moves by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from flaky_load_balancer import registry
from flaky_load_balancer.core.balancer import ROW, Balancer
from flaky_load_balancer.core.types import HOLD, Action, Floats, Outcome, Rules
from flaky_load_balancer.sharing.exchange import Exchange
from flaky_load_balancer.sharing.transport import Deliver


@dataclass
class Time:
    """A clock, and who is called back when."""

    now: float = 1000.0
    calls: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, call))

    def pass_on(self, seconds: float) -> None:
        """Let time pass, and whoever is due have their turn."""
        until = self.now + seconds
        while due := sorted((time, place) for place, (time, _) in enumerate(self.calls)):
            time, place = due[0]
            if time > until:
                break
            self.now = max(self.now, time)
            self.calls.pop(place)[1]()
        self.now = until


class Wire:
    """Brings every batch to everybody; ``held`` back while that is a list."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.batches: list[bytes] = []
        self.held: list[tuple[End, bytes]] | None = None

    def carry(self, end: "End", batch: bytes) -> None:
        self.batches.append(batch)
        if self.held is None:
            self.bring(end, batch)
        else:
            self.held.append((end, batch))

    def bring(self, end: "End", batch: bytes) -> None:
        for other in self.ends:
            if other is not end and other.deliver is not None:
                other.deliver(batch, None)

    def release(self, order: Callable[[list[bytes]], Sequence[bytes]]) -> None:
        """Bring what was held back, in the order and as often as ``order`` says."""
        held, self.held = self.held or [], None
        for batch in order([batch for _, batch in held]):
            self.bring(next(end for end, b in held if b is batch), batch)


class End:
    """A transport: one end of the wire.  ``offset`` in seconds."""

    def __init__(self, wire: Wire, offset: float = 0.0) -> None:
        self.wire, self.offset = wire, offset
        self.connected, self.dropped = True, 0
        self.deliver: Deliver | None = None
        wire.ends.append(self)

    def subscribe(self, route: str, deliver: Deliver) -> None:
        assert route
        self.deliver = deliver

    def unsubscribe(self, route: str) -> None:
        assert route
        self.deliver = None

    def publish(self, route: str, batch: bytes) -> None:
        assert route
        self.wire.carry(self, batch)


class Replica:
    """A balancer that shares, and what a driver does with it; one request in each slot."""

    def __init__(
        self,
        wire: Wire,
        time: Time,
        *,
        strategy: str = "cascade",
        servers: Sequence[str] = ("a", "b"),
        offset: float = 0.0,
        seed: int = 1,
        features: int = 0,
    ) -> None:
        self.time, self.offset = time, offset
        rules = Rules(len(servers), features=features, rewards=features > 0)
        self.balancer = Balancer(registry.load(strategy), rules, np.random.default_rng(seed))
        self.strategy = self.balancer.strategy
        self.servers = list(servers)
        self.requests = 0
        self.exchange = Exchange(
            "route",
            self.balancer,
            lambda: self.servers,
            End(wire, -offset),
            clock=self.now,
            later=time.later,
        )
        self.exchange.begin()

    def now(self) -> float:
        """Its clock is ahead by ``offset``."""
        return self.time.now + self.offset

    def arrive(self, slot: int = 0, features: Floats | None = None) -> None:
        self.requests += 1
        ends, request = np.array([self.now() + 10.0]), np.array([self.requests])
        place = ROW, np.array([slot])
        self.balancer.arrive(*place, ends, request=request, features=features)

    def decide(self, slot: int = 0) -> Action:
        return self.balancer.decide_one(slot, self.now(), 10)

    def end(self, outcome: Outcome, slot: int = 0, retry_after: float = np.nan) -> None:
        self.balancer.complete_one(slot, int(outcome), self.now(), retry_after)

    def leave(self, slot: int = 0) -> None:
        self.balancer.leave_one(slot)

    def play(self, outcomes: Sequence[Outcome], seconds: float = 0.01) -> None:
        """A request for each of the outcomes, of one attempt, unless it is held."""
        for outcome in outcomes:
            self.arrive()
            if self.decide().arm.item() >= 0:
                self.time.pass_on(seconds)
                self.end(outcome)
            self.leave()
            self.time.pass_on(seconds)

    def hold(self, request: int | None = None) -> None:
        """Let servers refuse until a request, of this number, is held: it is left in slot 1."""
        for _ in range(50):
            self.requests = self.requests if request is None else request - 1
            self.arrive(1)
            if self.decide(1).arm.item() == HOLD:
                return
            self.end(Outcome.RATE_LIMITED, 1, retry_after=0.5)
            self.leave(1)
        raise AssertionError("it never holds")

    def mean(self) -> list[float]:
        """What it believes of each server."""
        return [float(m) for m in self.strategy.beliefs(np.array([self.now()]))["mean"][0]]

    def ready_at(self) -> list[float]:
        """When it would send to each server, on the clock of all."""
        at = self.strategy.retry_at(np.array([self.now()]))
        return [float(each) - self.offset for each in np.broadcast_to(at, (1, 2))[0]]
