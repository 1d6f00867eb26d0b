"""How many requests are let in, who waits for a place, and until when."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from flaky_load_balancer.proxy.counts import Count
from flaky_load_balancer.proxy.timers import Alarms

BATCH = 16  # let in during one pass of the event loop, so that those inside get on
LONGEST_WAIT = 1.0  # seconds for a place: refused so late, clients that ask again at once are few
LOOK = 0.01  # seconds between two looks for a place that another process gave up
CROWDED = 0.75  # seconds of waiting from which on new connections are not even opened


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
        self._waiting = Alarms(LONGEST_WAIT)
        self._called: OrderedDict[object, Callable[[], None]] = OrderedDict()  # lets in who waits
        self._waited = 0.0  # seconds, by the last one who was let in
        self._batch = 0  # how many were let in during this pass of the event loop
        self._entering: set[object] = set()  # let in, and not inside yet
        self._looking = False

    @property
    def in_flight(self) -> int:
        return self._flying.total

    @property
    def crowded(self) -> bool:
        """Those who are let in have waited so long that one more would wait in vain."""
        return bool(self._called) and self._waited > CROWDED

    def refusal(self) -> str | None:
        """Why nobody is let in now; None if somebody is."""
        if self.closing:
            return "shutting down"
        if self.in_flight >= self.max_in_flight:
            return self.full
        return None

    def ask(self, key: object, enter: Callable[[], None], refuse: Callable[[], None]) -> None:
        """Let somebody in, now or as soon as there is room; or refuse after a while.

        ``key`` names it to ``enter`` and ``forget``, one of which follows.
        """
        if self.closing:
            refuse()
        elif self._called or not self._take():
            self._called[key] = enter
            self._waiting.set(key, lambda: self._give_up(key, refuse))
            self._look_again()
        else:
            self._let_in(key, enter)

    def enter(self, key: object, task: asyncio.Task[Any]) -> None:
        """It was let in, and is inside from now on, until its task has left."""
        if key not in self._entering:
            self._flying.add(1)
        self._entering.discard(key)
        self.inside.add(task)

    def forget(self, key: object) -> None:
        """It waits no more, or was let in and needs no place."""
        if self._called.pop(key, None) is not None:
            self._waiting.clear(key)
        elif key in self._entering:
            self._entering.discard(key)
            self._flying.add(-1)
            self._call()

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
        self._waiting.ring()
        if self.inside:
            await asyncio.wait(self.inside, timeout=grace)
        for task in self.inside:
            task.cancel()
        if self.inside:
            await asyncio.wait(self.inside, timeout=grace)

    def _call(self) -> None:
        while self._called and not self.closing and self._take():
            key, enter = self._called.popitem(last=False)
            self._waited = LONGEST_WAIT - self._waiting.left(key)
            self._waiting.clear(key)
            self._let_in(key, enter)

    def _let_in(self, key: object, enter: Callable[[], None]) -> None:
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._next_pass)
        self._batch += 1
        self._entering.add(key)
        enter()

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
        if self._called:
            self._look_again()

    def _give_up(self, key: object, refuse: Callable[[], None]) -> None:
        del self._called[key]
        refuse()
