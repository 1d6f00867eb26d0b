"""What people see of a route: its numbers, its servers, and why it decides as it does.

Of a large pool a frame shows some servers only, those in trouble first and then the busiest, and
the sum of the others: what it costs to make and to send does not grow with the pool.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flaky_load_balancer.admin import llm
from flaky_load_balancer.admin.history import History
from flaky_load_balancer.core import timeline
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Floats, Ints, Outcome
from flaky_load_balancer.proxy.request import Decision
from flaky_load_balancer.proxy.route import Route

SHOWN = 50  # servers of a pool in a frame
LISTED = 500  # servers in a route's detail, or found by a search
FEATURES = 64  # of a request
LATE = 600.0  # seconds for which a failure is of interest, where no attempt was made since
COUNTS = "succeeded", "failed", "rate_limited", "cancelled"
SPARSE = "cancelled", "until"  # columns that are left out where they have nothing but 0
LIMITS = "capacity", "capacity_low", "capacity_high"
MOVES = {HOLD: "hold", GIVE_UP: "give-up"}


class View:
    """One route, watched."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.history = History()

    def frame(self, now: float) -> dict[str, Any]:
        """What the live page shows of this route, at ``now`` (seconds since the epoch).

        Servers of a scenario are meant to fail: why they do is only in the route's detail.
        """
        servers = _Servers(self.route, now)
        return self._frame(servers, servers.top(SHOWN), reasons=self.route.scenario is None)

    def detail(self, now: float) -> dict[str, Any]:
        """The frame, and what is too much to send twice a second."""
        route, servers = self.route, _Servers(self.route, now)
        shown = servers.top(LISTED)
        rules, budget = route.balancer.rules, route.dispatcher.policy.budget
        edges, counts = route.tally.latency.bars()
        return {
            **self._frame(servers, shown, reasons=True),
            "run": route.run,
            "pool": route.pool,
            "retries": route.tally.retries,
            "held": _held(route.dispatcher.decisions, now),
            "budget": None if budget is None else budget.tokens(now),
            "rules": {
                "free_attempts": rules.free_attempts,
                "max_attempts": rules.max_attempts,
                "penalty": rules.penalty,
            },
            "truth": None if route.truth is None else [route.truth[arm] for arm in shown],
            "pieces": timeline.pieces(route.pieces, self._origin(now)),
            "faults": timeline.faults(route.faults, self._origin(now)),
            "endings": {str(ending): n for ending, n in route.tally.endings.items()},
            "latency_histogram": {
                "edges_ms": [float(f"{1000 * edge:.3g}") for edge in edges],
                "count": counts,
            },
            "models": None if route.paid is None else llm.models(route, route.paid),
            "money": None if route.paid is None else route.paid.money(now),
            "beliefs": {key: _listed(row[shown]) for key, row in servers.beliefs.items()},
        }

    def _origin(self, now: float) -> float:
        """When the first request came, or now; seconds since the epoch."""
        return self.route.tally.first_arrival or now

    def found(self, now: float, search: str) -> dict[str, list[Any]]:
        """Columns of the servers in whose names this is; of too many, of those in trouble."""
        servers, word = _Servers(self.route, now), search.casefold()
        names = self.route.servers
        matching = [arm for arm, name in enumerate(names) if word in name.casefold()]
        return servers.columns(servers.top(LISTED, np.array(matching, dtype=np.intp)), True)

    def decisions(self, decisions: Sequence[Decision]) -> dict[str, Any]:
        """These decisions; of a large pool with the indices of the servers that they chose."""
        servers = self.route.servers
        shown = np.arange(len(servers))
        if len(servers) > LISTED:
            shown = np.unique([each.arm for each in decisions if each.arm >= 0]).astype(np.intp)
        return {
            "servers": [servers[arm] for arm in shown.tolist()],
            "features": [] if self.route.paid is None else list(self.route.paid.names[:FEATURES]),
            "decisions": [_decision(each, shown) for each in decisions],
        }

    def _frame(self, servers: "_Servers", shown: Ints, *, reasons: bool) -> dict[str, Any]:
        route = self.route
        frame = {
            "route": route.name,
            "path": route.path,
            "strategy": route.strategy,
            "scenario": route.scenario,
            **_rounded(route.tally.run()),
            "in_flight": route.dispatcher.in_flight,
            "servers": servers.columns(shown, reasons),
        }
        if route.tally.possibly_twice:
            frame["possibly_twice"] = route.tally.possibly_twice
        frame |= servers.learning()
        if route.sharing is not None:
            frame["sharing"] = {
                "connected": route.sharing.connected,
                "replicas": route.sharing.replicas,
                "missed": route.sharing.missed,
            }
        if len(shown) < len(route.servers):
            frame["others"] = servers.others(shown)
        return frame


class _Servers:
    """The servers of a route at one moment."""

    def __init__(self, route: Route, now: float) -> None:
        self._route, self._now = route, now
        self._unavailable = route.unavailable
        self.beliefs = route.beliefs(now)
        # The run's numbers are by a server's place in the run, which it keeps over a reload.
        self._places = np.array(route.dispatcher.indices, dtype=np.intp)
        self._share = route.tally.share(now)[self._places]
        self._until = np.maximum(self.beliefs.get("until", 0.0), route.dispatcher.not_before)

    def learning(self) -> dict[str, Any]:
        """How the strategy learns, and which alerts are on."""
        learning = self._route.learning(self._now, self.beliefs).shown()
        firing = self._route.firing.items()
        alerts = [{"measure": key, "since": _short(since, 1)} for key, since in firing]
        return learning | {"alerts": alerts} if alerts else learning

    def top(self, most: int, arms: Ints | None = None) -> Ints:
        """At most so many of these servers (None: of all), by trouble and then by share."""
        if arms is None:
            arms = np.arange(len(self._route.servers))
        if len(arms) <= most:
            return arms
        worth = self._share + (self._until > self._now) + self._failing()
        worth[list(self._unavailable)] += 2.0
        worth = worth[arms]
        return np.sort(arms[np.argpartition(-worth, most)[:most]])

    def _failing(self) -> Floats:
        """(K,) of servers that failed of late, the share of failures; 0 of all others.

        A strategy sends nothing more to a server that is gone: without this, nobody would see it.
        """
        outcomes, failures = dict(self._outcomes()), self._route.tally.failures
        failed, succeeded = (np.array(outcomes[name], float) for name in ("failed", "succeeded"))
        last = [failures[place] for place in self._places.tolist()]
        late = np.array([each is not None and each.time > self._now - LATE for each in last])
        return np.where(late, failed / np.maximum(failed + succeeded, 1.0), 0.0)

    def columns(self, shown: Ints, reasons: bool) -> dict[str, list[Any]]:
        route = self._route
        arms = shown.tolist()
        outcomes = {name: [column[arm] for arm in arms] for name, column in self._outcomes()}
        until = self.beliefs.get("until", np.zeros(len(route.servers)))[shown].tolist()
        columns = {
            "server": [route.servers[arm] for arm in arms],
            "attempts": [sum(counts) for counts in zip(*outcomes.values(), strict=True)],
            **outcomes,
            "mean": self._mean(shown, outcomes),
            "low": self._believed("low", shown),
            "high": self._believed("high", shown),
            "share": [_short(share, 2) for share in self._share[shown].tolist()],
            "until": [_short(time, 1) if time > self._now else 0 for time in until],
        }
        columns = {key: row for key, row in columns.items() if key not in SPARSE or any(row)}
        columns |= self._limits(shown)
        return columns | self._states(arms) if reasons else columns

    def _limits(self, shown: Ints) -> dict[str, list[float | None]]:
        """Admissions per second that are believed to be allowed, where limits are learnt."""
        found = {name: self.beliefs[name][shown] for name in LIMITS if name in self.beliefs}
        if not any(np.isfinite(row).any() for row in found.values()):
            return {}  # no limit was met
        return {name: [_significant(x) for x in row.tolist()] for name, row in found.items()}

    def others(self, shown: Ints) -> dict[str, float]:
        """The sum of all servers that are not shown."""
        arms = shown.tolist()
        counts = {
            name: sum(column) - sum(column[arm] for arm in arms)
            for name, column in self._outcomes()
        }
        return {
            "servers": len(self._route.servers) - len(arms),
            "attempts": sum(counts.values()),
            **counts,
            "share": _short(max(0.0, float(self._share.sum() - self._share[shown].sum())), 2),
        }

    def _outcomes(self) -> list[tuple[str, list[int]]]:
        """For each outcome, how many attempts on every server ended so."""
        outcomes, places = self._route.tally.outcomes, self._places.tolist()
        columns = ((name, outcomes[Outcome[name.upper()]]) for name in COUNTS)
        return [(name, [column[place] for place in places]) for name, column in columns]

    def _mean(self, shown: Ints, counts: Mapping[str, list[int]]) -> list[float | None]:
        """Success rates as counted, for strategies that believe nothing."""
        if "mean" in self.beliefs:
            return self._believed("mean", shown)
        pairs = zip(counts["succeeded"], counts["failed"], strict=True)
        return [_short(s / (s + f), 2) if s + f else None for s, f in pairs]

    def _believed(self, key: str, shown: Ints) -> list[float | None]:
        believed = self.beliefs.get(key)
        return [None] * len(shown) if believed is None else _listed(believed[shown], 2)

    def _states(self, arms: list[int]) -> dict[str, list[Any]]:
        failures = [self._route.tally.failures[self._places[arm]] for arm in arms]
        return {
            "state": [self._state(arm) for arm in arms],
            "reason": [None if failure is None else failure.reason for failure in failures],
            "reason_time": [0 if each is None else _short(each.time, 1) for each in failures],
        }

    def _state(self, arm: int) -> str:
        """A server that never refused an attempt and is left alone failed too often."""
        if arm in self._unavailable:
            return self._unavailable[arm]
        if self._until[arm] <= self._now:
            return "up"
        refused = self._route.tally.outcomes[Outcome.RATE_LIMITED][self._places[arm]]
        return "cooling" if refused else "ejected"


def _held(decisions: Iterable[Decision], now: float) -> int:
    """Requests that are held at this moment, as far as decisions are remembered."""
    last = {each.request: each for each in decisions}
    return sum(each.arm == HOLD and (each.until or now) > now for each in last.values())


def _decision(decision: Decision, shown: Ints) -> dict[str, Any]:
    answer, index, eligible = decision.answer, decision.index, decision.eligible
    return {
        "cursor": decision.cursor,
        "time": decision.time,
        "request": decision.request,
        "id": decision.id,
        "attempt": decision.number,
        "move": MOVES.get(decision.arm, "send"),
        "server": decision.server,
        "until": decision.until,
        "index": None if index is None else _listed(index[shown], 6),
        "eligible": None if eligible is None else eligible[shown].tolist(),
        "features": None if decision.features is None else _listed(decision.features[:FEATURES]),
        "most_usd": None if decision.most is None else _listed(decision.most[shown], 9),
        "budget_usd": decision.budget,
        "price": decision.price,
        "outcome": None if answer is None else answer.outcome.label,
        "latency_ms": None if decision.latency is None else 1000 * decision.latency,
    }


def _listed(row: Floats, digits: int = 3) -> list[float | None]:
    """For JSON, which has neither infinity nor NaN."""
    return [_short(x, digits) if math.isfinite(x) else None for x in row.tolist()]


def _significant(x: float) -> float | None:
    """Three digits of it; None where it is infinite."""
    return _short(float(f"{x:.3g}"), 9) if math.isfinite(x) else None


def _short(x: float, digits: int) -> float:
    """Rounded, and a whole number as one: a frame is sent twice a second for sixty routes."""
    rounded = round(x, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _rounded(run: dict[str, Any]) -> dict[str, Any]:
    """A run's numbers, short; nothing measured is more exact, and scores stay as they are.

    What most routes have none of is left out.
    """
    latency = run["latency_ms"]
    digits = {"score": 9, "bound": 1, "regret": 1, "offered_rate": 1, "effort": 2}
    digits["seconds"] = int(run["seconds"] < 10)
    sparse = {key for key in ("hedges", "cost", "reward") if not run[key]}
    return {
        **{key: value for key, value in run.items() if key not in sparse},
        **{k: None if run[k] is None else _short(run[k], n) for k, n in digits.items()},
        "latency_ms": {key: x and _significant(x) for key, x in latency.items()},
    }
