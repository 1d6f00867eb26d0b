"""Between Redis and the workers: the parent shares with other machines, for all of them.

What workers tell goes to Redis as they wrote it, and what comes from there goes to all of them as
it is: senders number their facts, so nothing is learnt twice.
"""

from collections.abc import Callable

from flaky_load_balancer.sharing.shared import Store
from flaky_load_balancer.sharing.transport import Deliver

SENDER = slice(4, 12)  # of a batch: behind what says that it is one, and its version


class Bridge:
    """A store through which the parent shares, and its workers with it."""

    def __init__(self, store: Store, tell: Callable[[str, bytes], None]) -> None:
        self._store, self._tell = store, tell
        self._workers: set[bytes] = set()  # as senders

    @property
    def offset(self) -> float:
        return self._store.offset

    @property
    def connected(self) -> bool:
        return self._store.connected

    @property
    def dropped(self) -> int:
        return self._store.dropped

    def subscribe(self, route: str, deliver: Deliver) -> None:
        def both(batch: bytes, position: str | None) -> None:
            if batch[SENDER] not in self._workers:  # these tell each other without Redis
                self._tell(route, batch)
            deliver(batch, position)

        self._store.subscribe(route, both)

    def unsubscribe(self, route: str) -> None:
        self._store.unsubscribe(route)

    def publish(self, route: str, batch: bytes) -> None:
        self._store.publish(route, batch)

    def pass_on(self, route: str, batch: bytes) -> None:
        """A worker tells this."""
        self._workers.add(batch[SENDER])
        self._store.publish(route, batch)

    def begin_at(self, route: str, position: str | None) -> None:
        self._store.begin_at(route, position)

    async def snapshot(self, route: str) -> bytes | None:
        return await self._store.snapshot(route)

    async def keep(self, route: str, snapshot: bytes, period: float) -> None:
        await self._store.keep(route, snapshot, period)
