"""Replicas in virtual time: what does it cost that each sees only some of the requests?

N copies of a strategy, each with chance of its own, play the same fleet; a request goes to one of
them at random.  What a copy sends, promises and learns is told to the others ``delay`` seconds
later, as live over a hub or Redis (``sharing/exchange.py``), and a share ``loss`` of it never is.
An end whose begin was lost is noted first, as there.  A lost withdrawal is made up for after a
while, as there; a lost end is not, since live that takes longer than most runs do.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from flaky_load_balancer.core.state import State
from flaky_load_balancer.core.strategy import Informed, Strategy, Truth, notes
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Preference,
    Reward,
    Rules,
    Sent,
)
from flaky_load_balancer.sharing.applying import OVERDUE
from flaky_load_balancer.sharing.facts import SIZES
from flaky_load_balancer.simulation.engine.queues import Fields, Queues
from flaky_load_balancer.simulation.fleets.chance import key, seeds, uniform

BEGUN, PROMISED, WITHDRAWN, ENDED, REWARDED = range(5)
BYTES = np.array(SIZES, dtype=float)  # of each, without features, batches and names
NEVER = float("inf")
_APART = 16  # attempts of a request that have a chance of their own
Given = TypeVar("Given", Feedback, Reward)


@dataclass(frozen=True)
class Sharing:
    """How many replicas there are, and how what they do gets around."""

    replicas: int = 1
    delay: float = 0.05  # seconds; NEVER: each learns alone
    loss: float = 0.0  # the share of facts that never arrive
    told: frozenset[int] = frozenset(range(5))  # which kinds of facts are told, for experiments


def replicated(strategy: Strategy, sharing: Sharing, seed: int = 0) -> Strategy:
    """The same strategy, as so many replicas of it."""
    if sharing.replicas == 1:
        return strategy
    kind = ReplicatedInformed if isinstance(strategy, Informed) else Replicated
    return kind(strategy, sharing, seed)


def told(strategy: Strategy, replications: int) -> Floats:
    """(R,) bytes of the facts that replicas told; nobody else tells any."""
    return strategy.bytes if isinstance(strategy, Replicated) else np.zeros(replications)


class Replicated(Strategy):
    """Copies of a strategy, and what is on its way between them; ``seed`` of what gets lost."""

    def __init__(self, strategy: Strategy, sharing: Sharing, seed: int = 0) -> None:
        self.copies = [deepcopy(strategy) for _ in range(sharing.replicas)]
        self.sharing = sharing
        self._notes = notes(strategy)
        self._dealt = key(seeds(seed, 1), "replicas", 0, "dealt")
        self._loss = [key(seeds(seed, 1), "replicas", kind, "lost") for kind in range(5)]

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        for copy, chance in zip(self.copies, [rng, *rng.spawn(len(self.copies) - 1)], strict=True):
            copy.reset(rules, replications, chance)
        self.coming, self.overdue = Queues(replications), Queues(replications)
        self.clock: Floats = np.zeros(replications)  # of each replication, as last heard
        self.bytes: Floats = np.zeros(replications)  # that were told

    def select(self, context: Context) -> Action:
        rows = context.rows
        self._deliver(rows, context.now)
        arm = np.empty(len(rows), dtype=np.intp)
        until, best = context.now.copy(), np.zeros_like(arm)
        beside: Floats = np.full(len(rows), np.inf)
        for copy, those in self._dealt_to(rows, context.request):
            action = copy.select(context.take(those))
            arm[those] = action.arm
            if action.until is not None:
                until[those] = action.until
            if action.beside is not None:
                beside[those] = action.beside
            if action.index is not None:
                best[those] = action.index.argmax(axis=1)
        if self._notes:
            self._tell_decided(context, arm, until, best)
        return Action(arm, until, beside=beside)

    def observe(self, feedback: Feedback) -> None:
        self._deliver(feedback.rows, feedback.now)
        for copy, those in self._dealt_to(feedback.rows, feedback.request):
            copy.observe(feedback.take(those))
        told = _fields(feedback)
        told["unheard"] = self._unheard(told) if self._notes else np.zeros(len(told["rows"]), bool)
        self._tell(ENDED, told)

    def reward(self, reward: Reward) -> None:
        told = _fields(reward)
        for copy, those in self._dealt_to(reward.rows, reward.request):
            copy.reward(Reward(**_some(told, those)))
        self._tell(REWARDED, told)

    def prefer(self, preference: Preference) -> None:
        """Which of two answers was better is nobody's own: all are told, at once."""
        for copy in self.copies:
            copy.prefer(preference)

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        for copy, those in self._dealt_to(rows, requests):
            copy.withdraw(rows[those], requests[those])
        if self._notes:
            self._tell(WITHDRAWN, {"rows": rows, "request": requests, "now": self.clock[rows]})

    def state(self) -> State:
        return self.copies[0].state()

    def retry_at(self, now: Floats) -> Floats:
        return self.copies[0].retry_at(now)

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.copies[0].beliefs(now)

    # Telling.

    def _tell_decided(self, context: Context, arm: Ints, until: Floats, best: Ints) -> None:
        known = {"rows": context.rows, "request": context.request, "now": context.now}
        sent, held = np.flatnonzero(arm >= 0), np.flatnonzero(arm == HOLD)
        begun = known | {"arm": arm, "time": context.now, "size": context.size}
        self._tell(BEGUN, _some(begun | {"attempt": context.attempt}, sent))
        self._tell(PROMISED, _some(begun | {"arm": best, "time": until}, held))
        self._tell(WITHDRAWN, _some(known, np.flatnonzero(arm == GIVE_UP)))

    def _tell(self, kind: int, told: Fields) -> None:
        """Put facts of one kind on their way, but for those that get lost."""
        if self.sharing.delay == NEVER or kind not in self.sharing.told or not len(told["rows"]):
            return
        rows = told["rows"]
        self.bytes[rows] += BYTES[kind]
        told |= {
            "kind": np.full(len(rows), kind),
            "source": self._owner(rows, told["request"]),
            "due": told["now"] + self.sharing.delay,
        }
        lost = self._gets_lost(kind, told)
        _put(self.coming, told, np.flatnonzero(~lost))
        if kind == WITHDRAWN:
            _put(self.overdue, told | {"due": told["due"] + OVERDUE}, np.flatnonzero(lost))

    def _gets_lost(self, kind: int, told: Fields) -> Bools:
        """(n,) by the fact alone, so that its chance needs not be remembered."""
        if not self.sharing.loss:
            return np.zeros(len(told["rows"]), dtype=bool)
        attempt = told.get("attempt", np.zeros_like(told["request"])) % _APART
        number = _number(told["rows"], told["request"]) * _APART + attempt
        lost: Bools = uniform(self._loss[kind], number) < self.sharing.loss
        return lost

    def _unheard(self, told: Fields) -> Bools:
        """(n,) of which attempts nobody was told that they began."""
        if BEGUN not in self.sharing.told:
            return np.ones(len(told["rows"]), dtype=bool)
        return self._gets_lost(BEGUN, told)

    # Being told.

    def _deliver(self, rows: Ints, now: Floats) -> None:
        """Tell the copies what is due in these replications by now, one thing of each at a time."""
        self.clock[rows] = now
        for queues in (self.coming, self.overdue):
            while (those := np.flatnonzero(queues.waiting(rows))).size:
                first = queues.gone.take(rows.take(those))
                due = queues.at("due", rows.take(those), first) <= now.take(those)
                if not due.any():
                    break
                some = rows.take(those[due])
                self._apply(queues.take(some) | {"rows": some})

    def _apply(self, got: Fields) -> None:
        for number, copy in enumerate(self.copies):
            others = got["source"] != number
            for kind in np.unique(got["kind"][others]).tolist():
                those = np.flatnonzero(others & (got["kind"] == kind))
                _APPLY[kind](copy, _some(got, those))

    # Dealing.

    def _owner(self, rows: Ints, request: Ints) -> Ints:
        """(n,) which copy each request was dealt to."""
        chance = uniform(self._dealt, _number(rows, request))
        return (chance * len(self.copies)).astype(np.intp)

    def _dealt_to(self, rows: Ints, request: Ints) -> Iterator[tuple[Strategy, Ints]]:
        """Each copy, with those of n requests that are its own, if there are any."""
        owner = self._owner(rows, request)
        for number, copy in enumerate(self.copies):
            those = np.flatnonzero(owner == number)
            if those.size:
                yield copy, those


class ReplicatedInformed(Replicated, Informed):
    """Copies that are all told the truth."""

    def know(self, truth: Truth) -> None:
        for copy in self.copies:
            assert isinstance(copy, Informed)
            copy.know(truth)


def _sent(got: Fields) -> Sent:
    promised = got["kind"] == PROMISED
    about = got["rows"], got["now"], got["request"], got["arm"]
    return Sent(*about, got["time"], promised, got["size"])


def _ended(copy: Strategy, got: Fields) -> None:
    unheard = np.flatnonzero(got["unheard"])
    if unheard.size:
        copy.note(_sent(_some(got | {"time": got["now"] - got["latency"]}, unheard)))
    copy.observe(_of(Feedback, got))


_APPLY: dict[int, Callable[[Strategy, Fields], None]] = {
    BEGUN: lambda copy, got: copy.note(_sent(got)),
    PROMISED: lambda copy, got: copy.note(_sent(got)),
    WITHDRAWN: lambda copy, got: copy.withdraw(got["rows"], got["request"]),
    ENDED: _ended,
    REWARDED: lambda copy, got: copy.reward(_of(Reward, got)),
}


def _number(rows: Ints, request: Ints) -> Ints:
    """(n,) a number for each request of each replication."""
    return rows * (1 << 32) + request


def _fields(given: Feedback | Reward) -> Fields:
    """What it says, by name; without what it does not."""
    found = {field.name: getattr(given, field.name) for field in fields(given)}
    return {name: value for name, value in found.items() if value is not None}


def _of(kind: type[Given], got: Fields) -> Given:
    return kind(**{field.name: got[field.name] for field in fields(kind) if field.name in got})


def _some(told: Fields, those: Ints) -> Fields:
    return {name: values.take(those, 0) for name, values in told.items()}


def _put(queues: Queues, told: Fields, those: Ints) -> None:
    if those.size:
        some = _some(told, those)
        queues.put(some.pop("rows"), some)
