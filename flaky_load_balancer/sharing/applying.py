"""What replicas told, given to a strategy as if it had happened here.

A request of a replica gets a number that none of ours can have.  An attempt that ends is noted
first, if nothing told of its begin: learning of refusals without what was sent before them is worse
than learning nothing.  What was begun or promised and is heard of no more, because its replica died
or a message was lost, is closed after a while: the attempt as cancelled, the promise as withdrawn.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.balancer import ROW
from flaky_load_balancer.core.strategy import Strategy, notes
from flaky_load_balancer.core.types import Feedback, Floats, Outcome, Preference, Reward, Sent
from flaky_load_balancer.sharing.facts import (
    REQUESTS,
    Begun,
    Ended,
    Fact,
    Preferred,
    Promised,
    Rewarded,
    Withdrawn,
)

LONGEST = 120.0  # seconds that an attempt is taken to be under way, if nothing is heard of it
OVERDUE = 5.0  # seconds after which a promise that was not kept is void
OPEN = 100_000  # attempts and promises of others that are remembered


class Attempt(NamedTuple):
    """Of a replica, under way."""

    server: str
    began: float


class Applier:
    """Gives a strategy the facts of others.  ``servers`` says what they are called, by arm."""

    def __init__(
        self, strategy: Strategy, servers: Callable[[], Sequence[str]], features: int
    ) -> None:
        self.strategy, self._servers, self._features = strategy, servers, features
        self._notes = notes(strategy)
        self._known: Sequence[str] = ()
        self._arms: dict[str, int] = {}
        self._attempts: OrderedDict[tuple[int, int], Attempt] = OrderedDict()
        self._promises: OrderedDict[int, float] = OrderedDict()  # and when they are due
        self.unknown = 0  # facts of servers, or with features, that are not ours

    def apply(self, replica: int, facts: Sequence[Fact], shift: float) -> None:
        """Apply the facts of a replica, the ``replica``-th there was (from 1).

        ``shift`` seconds are added to their times, which makes them times of the clock here.
        """
        self._look_up_servers()
        first = replica * REQUESTS
        for fact in facts:
            self._one(first + fact.request % REQUESTS, fact, shift)

    def expire(self, now: float) -> None:
        """Close what should have been heard of by now."""
        self._look_up_servers()
        for number in [n for n, due in self._promises.items() if due + OVERDUE < now]:
            self._withdrawn(number)
        while self._attempts:
            key, attempt = next(iter(self._attempts.items()))
            if attempt.began + LONGEST >= now and len(self._attempts) <= OPEN:
                break
            self._cancel(key, now)

    def gone(self, replica: int, now: float) -> None:
        """Close all that a replica had under way: nothing was heard of it for long."""
        self._look_up_servers()
        for number in [n for n in self._promises if n // REQUESTS == replica]:
            self._withdrawn(number)
        for key in [key for key in self._attempts if key[0] // REQUESTS == replica]:
            self._cancel(key, now)

    def _one(self, number: int, fact: Fact, shift: float) -> None:
        if isinstance(fact, Withdrawn):
            self._withdrawn(number)
            return
        if isinstance(fact, Preferred):
            self._preferred(fact, shift)
            return
        arm = self._arms.get(fact.server)
        if arm is None or not self._alike(fact):
            self.unknown += 1
        elif isinstance(fact, Ended):
            self._ended(number, arm, fact, shift)
        elif isinstance(fact, Begun):
            self._begun(number, arm, fact, shift)
        elif isinstance(fact, Promised):
            self._promised(number, arm, fact, shift)
        else:
            self._rewarded(number, arm, fact, shift)

    def _begun(self, number: int, arm: int, fact: Begun | Ended, shift: float) -> None:
        """Of an attempt that has ended, too, if its begin was not told."""
        if self._notes:
            time = (fact.time if isinstance(fact, Begun) else fact.began) + shift
            self._promises.pop(number, None)  # it is sent now
            self._attempts[number, fact.attempt] = Attempt(fact.server, time)
            self._note(number, arm, time, time, fact.size, promised=False)

    def _promised(self, number: int, arm: int, fact: Promised, shift: float) -> None:
        if self._notes:
            time, since = fact.time + shift, fact.since + shift
            self._promises[number] = time
            self._note(number, arm, time, since, fact.size, promised=True)

    def _note(
        self, number: int, arm: int, time: float, since: float, size: float, *, promised: bool
    ) -> None:
        self.strategy.note(
            Sent(
                ROW,
                _one_of(since),
                np.array([number]),
                np.array([arm]),
                _one_of(time),
                np.array([promised]),
                _one_of(size),
            )
        )

    def _ended(self, number: int, arm: int, fact: Ended, shift: float) -> None:
        if self._notes:
            if (number, fact.attempt) not in self._attempts:
                self._begun(number, arm, fact, shift)
            del self._attempts[number, fact.attempt]
        self.strategy.observe(
            Feedback(
                ROW,
                _one_of(fact.time + shift),
                np.array([arm]),
                np.array([fact.outcome]),
                _one_of(fact.time - fact.began),
                _one_of(fact.retry_after),
                np.array([number]),
                np.array([fact.attempt]),
                _one_of(fact.cost),
                _one_of(fact.size),
                self._row(fact.features),
            )
        )

    def _rewarded(self, number: int, arm: int, fact: Rewarded, shift: float) -> None:
        self.strategy.reward(
            Reward(
                ROW,
                _one_of(fact.time + shift),
                np.array([number]),
                np.array([arm]),
                _one_of(fact.value),
                _one_of(fact.previous),
                self._row(fact.features),
            )
        )

    def _preferred(self, fact: Preferred, shift: float) -> None:
        better, worse = self._arms.get(fact.better), self._arms.get(fact.worse)
        if better is None or worse is None or not self._alike(fact):
            self.unknown += 1
            return
        now, features = _one_of(fact.time + shift), self._row(fact.features)
        pair = np.array([better]), np.array([worse])
        corrects = np.array([fact.corrects])
        self.strategy.prefer(Preference(ROW, now, *pair, features, corrects))

    def _withdrawn(self, number: int) -> None:
        if self._promises.pop(number, None) is not None:
            self.strategy.withdraw(ROW, np.array([number]))

    def _cancel(self, key: tuple[int, int], now: float) -> None:
        number, attempt = key
        server, began = self._attempts[key]
        arm = self._arms.get(server)
        if arm is None:
            del self._attempts[key]
            return
        nothing = (0.0,) * self._features
        ended = Ended(number, attempt, server, int(Outcome.CANCELLED), began, now, features=nothing)
        self._ended(number, arm, ended, 0.0)

    def _alike(self, fact: Fact) -> bool:
        """Whether it is of a request with as many features as ours have."""
        if not self._features or not isinstance(fact, Ended | Rewarded | Preferred):
            return True
        return len(fact.features) == self._features

    def _row(self, features: Sequence[float]) -> Floats | None:
        """(1, d), where our requests have any."""
        return np.array([features]) if self._features else None

    def _look_up_servers(self) -> None:
        servers = self._servers()
        if servers is not self._known:
            self._known = servers
            self._arms = {name: arm for arm, name in enumerate(servers)}


def _one_of(value: float) -> Floats:
    return np.array([value])
