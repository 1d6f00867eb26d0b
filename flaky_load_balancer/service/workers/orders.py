"""What a worker is told at its start and when settings change.

Pickled, which is safe between these two: both are the same program, the parent writes and the
worker reads, and nobody else has the pipe.  It never goes the other way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from flaky_load_balancer.config import Settings
from flaky_load_balancer.core.state import State, StateError, transfer
from flaky_load_balancer.proxy.pool import Pool, Server
from flaky_load_balancer.proxy.route import Route

Condition = tuple[bool, str | None]  # of a server: drained; why it is down
Conditions = Mapping[str, Mapping[str, Condition]]  # by pool and name


@dataclass(frozen=True)
class Orders:
    """Settings, and what goes with them."""

    settings: Settings
    runs: Mapping[str, tuple[int, list[str]]]  # by route: its run, and the run's servers
    conditions: Conditions
    places: Mapping[str, int]  # in the ledger


@dataclass(frozen=True)
class Start(Orders):
    """What a worker needs to begin; files are inherited under these numbers."""

    worker: int  # counted from 0
    ledger: int
    listening: int
    epoch: float  # what is added to the time of the system's monotonic clock
    log_format: str
    learnt: Mapping[str, "Learnt"] = field(default_factory=dict)  # by route


@dataclass(frozen=True)
class Learnt:
    """What a route's strategy knows of these servers, as ``State.to_bytes`` writes it."""

    strategy: str
    servers: list[str]
    state: bytes

    @classmethod
    def of(cls, route: Route) -> "Learnt":
        state = route.balancer.strategy.state()
        return cls(route.strategy, list(route.servers), state.to_bytes())

    def to_bytes(self) -> bytes:
        return orjson.dumps([self.strategy, self.servers]) + b"\n" + self.state

    @classmethod
    def from_bytes(cls, data: bytes) -> "Learnt":
        head, _, state = data.partition(b"\n")
        strategy, servers = orjson.loads(head)
        return cls(strategy, servers, state)

    def give(self, route: Route) -> None:
        """Let a route go on with it; if its strategy is another one by now, with nothing."""
        strategy, rules = route.balancer.strategy, route.balancer.rules
        if route.strategy == self.strategy:
            try:
                state = State.from_bytes(self.state)
                transfer(state, self.servers, strategy, rules, route.servers)
            except StateError:
                return


def condition(server: Server) -> Condition:
    return server.drained, server.down


def conditions(pools: Iterable[Pool]) -> Conditions:
    """How all servers are."""
    return {pool.name: {each.name: condition(each) for each in pool.servers} for pool in pools}
