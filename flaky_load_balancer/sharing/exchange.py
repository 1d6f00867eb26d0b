"""One route's part in the sharing: what its strategy tells, and what it is told by replicas."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.sharing.applying import Applier
from flaky_load_balancer.sharing.facts import (
    Batch,
    Fact,
    FactsError,
    decode,
    encode,
    numbered,
    shortened,
)
from flaky_load_balancer.sharing.seen import Seen
from flaky_load_balancer.sharing.snapshots import Heard
from flaky_load_balancer.sharing.telling import Telling
from flaky_load_balancer.sharing.transport import Transport

PERIOD = 0.02  # seconds: between two batches, at least
ALIVE = 1.0  # seconds between signs of life
SILENT = 10.0  # seconds without a word, after which a replica is taken to be gone
FUTURE = 60.0  # seconds: what claims to be made later than this from now is not believed
REMEMBERED = 1000  # senders
log = logging.getLogger(__name__)

Later = Callable[[float, Callable[[], None]], object]  # calls back in so many seconds


@dataclass
class _Sender:
    """A replica, since it started."""

    replica: int  # counted from 1
    seen: Seen = field(default_factory=Seen)
    heard: float = 0.0  # seconds, the clock here
    lag: float = 0.0  # seconds from when its last batch was made until it came
    gone: bool = False


class Exchange:
    """Collects the facts of a balancer in batches, and gives its strategy those of replicas.

    ``servers`` says what they are called, by arm; ``clock`` is that of the balancer, in seconds;
    ``later`` calls back, as an event loop's ``call_later``.  Begins when ``begin`` is called.
    """

    def __init__(
        self,
        route: str,
        balancer: Balancer,
        servers: Callable[[], Sequence[str]],
        transport: Transport,
        *,
        clock: Callable[[], float],
        later: Later,
    ) -> None:
        self.route = route
        self.sender = secrets.randbits(64)
        self.position: str | None = None  # of what was read last
        self.applied = self.unreadable = 0  # facts of others, batches
        self._balancer, self._transport = balancer, transport
        self._clock, self._later = clock, later
        self._applier = Applier(balancer.strategy, servers, balancer.rules.features)
        self._telling = Telling(balancer.strategy, servers, self._tell)
        self._senders: dict[int, _Sender] = {}
        self._replicas = self._forgotten = 0
        self._facts: list[Fact] = []
        self._told = 0  # facts that went out
        self._due = False
        self._flushed = -PERIOD

    @property
    def missed(self) -> int:
        """Facts of replicas that never came, and facts that could not be used."""
        missing = sum(sender.seen.missing for sender in self._senders.values())
        return self._forgotten + missing + self._applier.unknown

    @property
    def connected(self) -> bool:
        """Whether what is told gets anywhere."""
        return self._transport.connected

    @property
    def dropped(self) -> int:
        """Batches that nobody was told, for want of room; of all routes together."""
        return self._transport.dropped

    @property
    def replicas(self) -> int:
        """How many others are there now."""
        return sum(not sender.gone for sender in self._senders.values())

    @property
    def lag(self) -> float:
        """Seconds: how late the replicas' last batches came, at most."""
        return max((s.lag for s in self._senders.values() if not s.gone), default=0.0)

    def begin(self) -> None:
        """From now on tell, and listen."""
        self._balancer.strategy = self._telling
        self._transport.subscribe(self.route, self.deliver)
        self._live()

    def end(self) -> None:
        """Tell what is left to be told, and then nothing more."""
        self.flush()
        self._transport.unsubscribe(self.route)
        self._balancer.strategy = self._telling.inner
        self._later = lambda _, __: None

    def heard(self) -> Heard:
        """What is in the state at this moment, our own facts as well."""
        self.flush()
        known = {key: s.seen.next for key, s in self._senders.items() if s.seen.next is not None}
        known[self.sender] = self._told
        return Heard(self.position, {f"{sender:x}": number for sender, number in known.items()})

    def recall(self, seen: Mapping[str, int], position: str | None) -> None:
        """The state was loaded: it has these facts, also of who this was before its restart."""
        self.position = position
        for sender, number in seen.items():
            known = self._known(int(sender, 16))
            known.seen, known.gone = Seen(number), True

    # Telling.

    def flush(self) -> None:
        """Tell what is to be told."""
        self._due, self._flushed = False, self._clock()
        facts, self._facts = shortened(self._facts), []
        for first, some in numbered(facts, self._told):
            self._publish(Batch(self.sender, first, self._flushed, some))
        self._told += len(facts)

    def _publish(self, batch: Batch) -> None:
        self._transport.publish(self.route, encode(batch, self._transport.offset))

    def _tell(self, fact: Fact) -> None:
        self._facts.append(fact)
        if not self._due:
            self._due = True
            self._later(max(0.0, self._flushed + PERIOD - self._clock()), self.flush)

    def _live(self) -> None:
        """Say that we are there, and look who is."""
        now = self._clock()
        if not self._facts:
            self._publish(Batch(self.sender, self._told, now))
        self._applier.expire(now)
        for sender in self._senders.values():
            if not sender.gone and now - sender.heard > SILENT:
                sender.gone = True
                self._applier.gone(sender.replica, now)
        self._later(ALIVE, self._live)

    # Being told.

    def deliver(self, data: bytes, position: str | None = None) -> None:
        """A batch came, perhaps one of ours, or one that came before."""
        try:
            self._take(decode(data))
        except FactsError as error:
            self.unreadable += 1
            if self.unreadable == 1:
                log.warning("route %s is told what it cannot read: %s", self.route, error)
        self.position = position or self.position

    def _take(self, batch: Batch) -> None:
        now, offset = self._clock(), self._transport.offset
        if batch.sender == self.sender:
            return
        if batch.at - offset > now + FUTURE:
            raise FactsError("it says that it was made in the future")
        sender = self._known(batch.sender)
        sender.heard, sender.gone = now, False
        sender.lag = max(0.0, now + offset - batch.at)
        for start, end in sender.seen.take(batch.first, batch.first + len(batch.facts)):
            some = batch.facts[start - batch.first : end - batch.first]
            self._applier.apply(sender.replica, some, -offset)
            self.applied += len(some)

    def _known(self, key: int) -> _Sender:
        if key not in self._senders:
            if len(self._senders) >= REMEMBERED:
                self._forget(min(self._senders, key=lambda known: self._senders[known].heard))
            self._replicas += 1
            self._senders[key] = _Sender(self._replicas)
        return self._senders[key]

    def _forget(self, key: int) -> None:
        """There are more senders than can be remembered."""
        sender = self._senders.pop(key)
        self._forgotten += sender.seen.missing
        self._applier.gone(sender.replica, self._clock())
