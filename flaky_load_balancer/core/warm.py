"""What a strategy begins with instead of nothing: a state that was learnt elsewhere, of servers.

Made by ``flb fit --rewards`` from a table or log; a strategy is given one as ``warm=FILE``.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.state import State, StateError, matched
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Ints, Rules

VERSION = 1


class WarmError(UserError, ValueError):
    """A strategy cannot begin with what a file holds; the message names both and the fix."""


@dataclass(frozen=True)
class Warm:
    """A ``state`` of one replication, learnt of ``servers`` by a strategy of the class ``kind``.

    Requests had so many ``features``.
    """

    source: str  # the file, as a spec names it
    kind: str = field(compare=False, repr=False)
    servers: tuple[str, ...] = field(compare=False, repr=False)
    features: int = field(compare=False, repr=False)
    state: State = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.source

    def to_bytes(self) -> bytes:
        """A line of JSON, and the state."""
        about = {"version": VERSION, "kind": self.kind, "servers": self.servers}
        about["features"] = self.features
        return json.dumps(about).encode() + b"\n" + self.state.to_bytes()

    @classmethod
    def of(cls, source: str, data: bytes) -> "Warm":
        """What ``to_bytes`` wrote; ValueError for anything else.  Nothing is unpickled."""
        head, _, payload = data.partition(b"\n")
        about = json.loads(head)
        if about["version"] != VERSION:
            raise ValueError(f"it is of version {about['version']}, this flb reads {VERSION}")
        names = tuple(map(str, about["servers"]))
        state = State.from_bytes(payload)
        return cls(source, str(about["kind"]), names, int(about["features"]), state)

    def teach(
        self, strategy: Strategy, rules: Rules, replications: int, names: Sequence[str] = ()
    ) -> None:
        """Let a strategy, just reset, know it; ``names`` of its servers, where they have any.

        Servers are matched by name, where any is known by it, else by their order.
        """
        if type(strategy).__name__ != self.kind:
            raise WarmError(
                f"warm={self.source}: {self.kind} learnt it, not {type(strategy).__name__}: make"
                " one with `flb fit --rewards TABLE --strategy` of this strategy"
            )
        if rules.features != self.features:
            raise WarmError(
                f"warm={self.source}: it was learnt with {self.features} features, requests here"
                f" have {rules.features}: make one with their --features"
            )
        keep = self._places(rules, names)
        try:
            strategy.load(_repeated(self._fitted(strategy, rules, keep), replications))
        except StateError as error:
            raise WarmError(
                f"warm={self.source}: {error}; it was learnt with other parameters"
            ) from None

    def _places(self, rules: Rules, names: Sequence[str]) -> Ints:
        """(K,) which of its servers each is, -1 for one that it does not know."""
        keep = matched(self.servers, names)
        if np.any(keep >= 0):
            return keep
        if len(self.servers) != rules.arms:
            raise WarmError(
                f"warm={self.source}: it is about {', '.join(self.servers)}; here are"
                f" {rules.arms} servers, none of such a name"
            )
        return np.arange(rules.arms)

    def _fitted(self, strategy: Strategy, rules: Rules, keep: Ints) -> State:
        """The state for one replication of the servers of ``strategy``."""
        one = deepcopy(strategy)
        one.reset(
            replace(rules, arms=len(self.servers)), 1, np.random.Generator(np.random.PCG64(0))
        )
        one.load(replace(self.state, strategy=repr(strategy)))
        one.resize(keep)
        return one.state()


def _repeated(state: State, replications: int) -> State:
    """The same state in every replication."""
    arrays = dict(state.arrays)
    for name, axes in state.axes.items():
        for axis, label in enumerate(axes):
            if label == "R":
                arrays[name] = arrays[name].repeat(replications, axis)
    return replace(state, arrays=arrays)
