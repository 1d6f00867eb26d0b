"""One path, its pool of servers and its strategy: what serving needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import random
from typing import Any, Protocol

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.proxy.carrier import Send
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.game import post
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.sharing import Exchange


@dataclass(frozen=True)
class Reported:
    """What another process, which serves a route, believes of these servers."""

    servers: Sequence[str]
    beliefs: Mapping[str, Floats]  # each (K,)


class Paid(Protocol):
    """What people see of a route to language models, beside what it counts."""

    @property
    def names(self) -> Sequence[str]:
        """(d,) of the features."""

    @property
    def tasks(self) -> Sequence[str]:
        """By the numbers that events have."""

    def money(self, now: float) -> Mapping[str, float | None]:
        """Dollars of the budget, and what one is worth."""


@dataclass
class Route:
    """A route that is being served: ``strategy`` is the canonical spec, ``truth`` (K,) or None."""

    name: str
    path: str
    strategy: str
    scenario: str | None
    servers: Sequence[str]  # by arm
    balancer: Balancer
    dispatcher: Dispatcher
    tally: Tally
    truth: Sequence[float] | None = None
    run: int | None = None  # its number in the records
    pool: str = ""
    pieces: Mapping[str, Any] | None = None  # the truth over time, since the first attempt
    faults: Sequence[Mapping[str, Any]] = ()  # stretches of trouble, in the same seconds
    send: Send = post  # one attempt, of kind ids
    sharing: Exchange | None = None  # with its replicas
    recorded: list[str] = field(default_factory=list)  # servers by their index in the run
    reported: Reported | None = None  # where others serve it
    told: Learning | None = None  # by those others
    firing: dict[str, float] = field(default_factory=dict)  # alerts by measure: since when
    learnt: Learning = field(default_factory=Learning)  # when somebody looked last
    paid: Paid | None = None  # of language models

    def __post_init__(self) -> None:
        self.recorded = self.recorded or list(self.servers)

    @property
    def unavailable(self) -> dict[int, str]:
        """The servers that get no attempts now, and why: "draining", "full" or "down"."""
        states = ((arm, server.state) for arm, server in enumerate(self.dispatcher.servers))
        return {arm: state for arm, state in states if state is not None}

    def beliefs(self, now: float) -> Mapping[str, Floats]:
        """What is believed of each server: see ``Strategy.beliefs``, here (K,) each."""
        if self.reported is not None and self.reported.servers == list(self.servers):
            return self.reported.beliefs
        believed = self.balancer.strategy.beliefs(np.array([now]))
        return {key: rows[0] for key, rows in believed.items()}

    def learning(self, now: float, beliefs: Mapping[str, Floats] | None = None) -> Learning:
        """How far the strategy has come; ``beliefs`` are those of now, if they are at hand."""
        found = self.told
        if found is None:
            beliefs = self.beliefs(now) if beliefs is None else beliefs
            known = self.balancer.strategy, beliefs, self.dispatcher.decisions, self.servers
            found = Learning.of(*known, now)
        changed = (found.alarms or 0) > (self.learnt.alarms or 0)
        self.learnt = replace(found, changed=now if changed else self.learnt.changed)
        return self.learnt

    def wakes_in(self, now: float) -> float:
        """Seconds until the first server wakes: by its own word and in the strategy's eyes."""
        again = self.balancer.strategy.retry_at(np.array([now]))[0]
        return max(0.0, float(np.maximum(again, self.dispatcher.not_before).min()) - now)


def drawn(parts: Sequence[tuple[float, Route]]) -> Route:
    """One of the parts of an A/B test, each with its share of the requests, up to 1."""
    if len(parts) > 1:
        left = random()
        for share, route in parts:
            left -= share
            if left < 0:
                return route
    return parts[-1][1]
