"""One path, its pool of servers and its strategy, as people see it: numbers, beliefs, reasons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flaky_load_balancer.core import timeline
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Floats, Outcome
from flaky_load_balancer.proxy.dispatcher import Decision, Dispatcher
from flaky_load_balancer.proxy.history import History

MOVES = {HOLD: "hold", GIVE_UP: "give-up"}


@dataclass
class Route:
    """A route that is being served: ``strategy`` is the canonical spec, ``truth`` (K,) or None."""

    name: str
    path: str
    strategy: str
    scenario: str | None
    servers: Sequence[str]
    balancer: Balancer
    dispatcher: Dispatcher
    tally: Tally
    truth: Sequence[float] | None = None
    run: int | None = None  # its number in the records
    pieces: Mapping[str, Any] | None = None  # the truth over time, since the first attempt
    faults: Sequence[Mapping[str, Any]] = ()  # stretches of trouble, in the same seconds
    history: History = field(default_factory=History)

    def frame(self, now: float) -> dict[str, Any]:
        """What the live page shows of this route, at ``now`` (seconds since the epoch)."""
        return {
            "route": self.name,
            "path": self.path,
            "strategy": self.strategy,
            "scenario": self.scenario,
            **_rounded(self.tally.run()),
            "in_flight": self.dispatcher.in_flight,
            "possibly_twice": self.tally.possibly_twice,
            "servers": self._columns(now),
        }

    def detail(self, now: float) -> dict[str, Any]:
        """The frame, and what is too much to send twice a second."""
        edges, counts = self.tally.latency.bars()
        return {
            **self.frame(now),
            "run": self.run,
            "rules": {
                "free_attempts": self.balancer.rules.free_attempts,
                "max_attempts": self.balancer.rules.max_attempts,
                "penalty": self.balancer.rules.penalty,
            },
            "truth": None if self.truth is None else list(self.truth),
            "pieces": timeline.pieces(self.pieces, self._origin(now)),
            "faults": timeline.faults(self.faults, self._origin(now)),
            "endings": {str(ending): n for ending, n in self.tally.endings.items()},
            "latency_histogram": {
                "edges_ms": [float(f"{1000 * edge:.3g}") for edge in edges],
                "count": counts,
            },
            "beliefs": {key: _listed(row) for key, row in self._beliefs(now).items()},
        }

    def _origin(self, now: float) -> float:
        """When the first attempt was made, or now; seconds since the epoch."""
        return self.tally.first_arrival or now

    def decisions(self, after: int = 0) -> list[dict[str, Any]]:
        """The last decisions, oldest first, from behind a cursor on."""
        return [self._decision(d) for d in self.dispatcher.decisions if d.cursor > after]

    def wakes_in(self, now: float) -> float:
        """Seconds until the first server wakes: by its own word and in the strategy's eyes."""
        until = self._beliefs(now).get("until", np.full(len(self.servers), now))
        return max(0.0, float(np.maximum(until, self.dispatcher.not_before).min()) - now)

    def _beliefs(self, now: float) -> dict[str, Floats]:
        """Each array (K,)."""
        believed = self.balancer.strategy.beliefs(np.array([now]))
        return {key: rows[0] for key, rows in believed.items()}

    def _columns(self, now: float) -> dict[str, list[Any]]:
        outcomes = self.tally.outcomes
        believed = self._beliefs(now)
        mean, low, high = (believed.get(key) for key in ("mean", "low", "high"))
        until = believed.get("until")
        return {
            "server": list(self.servers),
            "attempts": [sum(column) for column in zip(*outcomes, strict=True)],
            "succeeded": outcomes[Outcome.SUCCEEDED],
            "failed": outcomes[Outcome.FAILED],
            "rate_limited": outcomes[Outcome.RATE_LIMITED],
            "cancelled": outcomes[Outcome.CANCELLED],
            "mean": self._observed() if mean is None else _listed(mean, 2),
            "low": [None] * len(self.servers) if low is None else _listed(low, 2),
            "high": [None] * len(self.servers) if high is None else _listed(high, 2),
            "share": [_short(share, 2) for share in self.tally.share(now)],
            "until": [0] * len(self.servers)
            if until is None
            else [_short(t, 1) if t > now else 0 for t in until.tolist()],
        }

    def _observed(self) -> list[float | None]:
        """Success rates as counted, for strategies that believe nothing."""
        succeeded, failed = (self.tally.outcomes[o] for o in (Outcome.SUCCEEDED, Outcome.FAILED))
        pairs = zip(succeeded, failed, strict=True)
        return [_short(s / (s + f), 2) if s + f else None for s, f in pairs]

    def _decision(self, decision: Decision) -> dict[str, Any]:
        answer = decision.answer
        return {
            "cursor": decision.cursor,
            "time": decision.time,
            "request": decision.request,
            "id": decision.id,
            "attempt": decision.number,
            "move": MOVES.get(decision.arm, "send"),
            "server": self.servers[decision.arm] if decision.arm >= 0 else None,
            "until": decision.until,
            "index": None if decision.index is None else _listed(decision.index),
            "eligible": None if decision.eligible is None else decision.eligible.tolist(),
            "outcome": None if answer is None else answer.outcome.label,
            "latency_ms": None if decision.latency is None else 1000 * decision.latency,
        }


def _listed(row: Floats, digits: int = 3) -> list[float | None]:
    """For JSON, which has neither infinity nor NaN."""
    return [_short(x, digits) if math.isfinite(x) else None for x in row.tolist()]


def _short(x: float, digits: int) -> float:
    """Rounded, and a whole number as one: a frame is sent twice a second for sixty routes."""
    rounded = round(x, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _rounded(run: dict[str, Any]) -> dict[str, Any]:
    """A run's numbers, short; nothing measured is more exact, and scores stay as they are.

    What most routes have none of is left out.
    """
    latency = run["latency_ms"]
    digits = {"bound": 2, "offered_rate": 2, "seconds": 1, "effort": 2}
    sparse = {key for key in ("hedges", "cost", "reward") if not run[key]}
    return {
        **{key: value for key, value in run.items() if key not in sparse},
        **{key: None if run[key] is None else _short(run[key], n) for key, n in digits.items()},
        "regret": None if run["regret"] is None else _short(run["regret"], 2),
        "latency_ms": {key: x and _short(float(f"{x:.3g}"), 3) for key, x in latency.items()},
    }
