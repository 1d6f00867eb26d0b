"""How many requests are let in, who waits for a place, and until when."""

import asyncio
from collections import OrderedDict
from typing import Any

from flaky_load_balancer.proxy.counts import Count
from flaky_load_balancer.proxy.http1 import Visitor

BATCH = 16  # let in during one pass of the event loop, so that those inside get on
LONGEST_WAIT = 1.0  # seconds for a place: refused so late, clients that ask again at once are few
LONGEST_LINE = 8192  # visitors that wait; the one who waited longest makes room for one more
REFUSALS = 64  # in one pass of the event loop
LOOK = 0.01  # seconds between two looks for a place that another process gave up


class Gate:
    """Lets requests in until there are too many, or until we are shutting down.

    Who finds it full waits for a place, in order of arrival.  Refusing at once would cost more
    than it saves: clients would come again at once, and be refused again, faster than anybody
    can be served.
    """

    def __init__(self, max_in_flight: int, flying: Count | None = None) -> None:
        self.max_in_flight = max_in_flight
        self._flying = flying or Count()
        self.closing = False
        self.inside: set[asyncio.Task[Any]] = set()
        self._line: OrderedDict[Visitor, float] = OrderedDict()  # who waits, until when
        self._batch = 0  # how many were let in during this pass of the event loop
        self._entering: set[Visitor] = set()  # let in, and not inside yet
        self._looking = False
        self._refusing = False  # a timer runs for who waits longest

    @property
    def in_flight(self) -> int:
        return self._flying.total

    @property
    def crowded(self) -> bool:
        """Whoever comes now will wait, or be refused."""
        return bool(self._line) or self.closing

    def refusal(self) -> str | None:
        """Why nobody is let in now; None if somebody is."""
        if self.closing:
            return "shutting down"
        if self.in_flight >= self.max_in_flight:
            return self.full
        return None

    def ask(self, visitor: Visitor) -> None:
        """Let somebody in, now or as soon as there is room; or refuse after a while.

        Whoever is let in has a place, until it is ``inside`` and leaves, or is forgotten.
        """
        if self.closing:
            visitor.refuse()
        elif self._line or not self._take():
            self._wait(visitor)
        else:
            self._let_in(visitor)

    def hand_over(self, visitor: Visitor, other: Visitor) -> None:
        """Somebody who was let in leaves the place to another one."""
        self._entering.discard(visitor)
        self._entering.add(other)

    def enter(self, visitor: Visitor, task: asyncio.Task[Any]) -> None:
        """It was let in, and is inside from now on, until its task has left."""
        if visitor not in self._entering:
            self._flying.add(1)
        self._entering.discard(visitor)
        self.inside.add(task)

    def forget(self, visitor: Visitor) -> None:
        """It waits no more, or was let in and needs no place."""
        if visitor in self._entering:
            self._entering.discard(visitor)
            self._flying.add(-1)
            self._call()
        else:
            self._line.pop(visitor, None)

    def leave(self, task: asyncio.Task[Any]) -> None:
        """A request is over: the next one gets its place."""
        if task in self.inside:
            self.inside.discard(task)
            self._flying.add(-1)
            self._call()

    @property
    def full(self) -> str:
        """Why nobody is let in where there is no room."""
        return f"{self.max_in_flight} requests are in flight, --max-in-flight lets in no more"

    async def close(self, grace: float) -> None:
        """Let no more requests in; give those inside some seconds, then cancel them."""
        self.closing = True
        while self._line:
            self._line.popitem(last=False)[0].refuse()
        if self.inside:
            await asyncio.wait(self.inside, timeout=grace)
        for task in self.inside:
            task.cancel()
        if self.inside:
            await asyncio.wait(self.inside, timeout=grace)

    def _wait(self, visitor: Visitor) -> None:
        loop = asyncio.get_running_loop()
        self._line[visitor] = due = loop.time() + LONGEST_WAIT
        if not self._refusing:
            self._refusing = True
            loop.call_at(due, self._refuse_the_late)
        if len(self._line) > LONGEST_LINE:
            self._line.popitem(last=False)[0].refuse()
        self._look_again()

    def _refuse_the_late(self) -> None:
        loop = asyncio.get_running_loop()
        now, line = loop.time(), self._line
        for _ in range(REFUSALS):
            if not line or next(iter(line.values())) > now:
                break
            line.popitem(last=False)[0].refuse()
        self._refusing = bool(line)
        if line:
            loop.call_at(next(iter(line.values())), self._refuse_the_late)

    def _call(self) -> None:
        while self._line and not self.closing and self._take():
            self._let_in(self._line.popitem(last=False)[0])

    def _let_in(self, visitor: Visitor) -> None:
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._next_pass)
        self._batch += 1
        self._entering.add(visitor)
        visitor.enter()

    def _next_pass(self) -> None:
        self._batch = 0
        self._call()

    def _take(self) -> bool:
        """Take a place, if there is one."""
        return self._batch < BATCH and self._flying.take(self.max_in_flight)

    def _look_again(self) -> None:
        """Places may be given up in other processes, and nobody says so."""
        if self._flying.shared and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        self._looking = False
        self._call()
        if self._line:
            self._look_again()
