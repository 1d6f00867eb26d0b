"""What the driver in virtual time does beyond attempts where requests have contexts.

It tells the balancer what a request is about, which servers are there and the most that an attempt
can cost; and of an answer what it cost and, perhaps later, what it was worth.
"""

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import Bools, Floats, Ints, Outcome, Reward
from flaky_load_balancer.simulation.engine.pairs import Pairs
from flaky_load_balancer.simulation.engine.trace import Trace
from flaky_load_balancer.simulation.worlds.paired import Paired
from flaky_load_balancer.simulation.worlds.protocol import World

SUCCEEDED, FAILED = int(Outcome.SUCCEEDED), int(Outcome.FAILED)


class Contexts:
    """R replications of requests that are about something."""

    def __init__(
        self,
        world: World,
        balancer: Balancer,
        requests: int,
        *,
        delay: float,
        trace: Trace | None = None,
        until_good: bool = False,
    ) -> None:
        """With ``until_good`` an answer worth less than a half has failed, and is paid for."""
        self.until_good = until_good
        replications = len(balancer.delivered)
        self.world, self.balancer, self.delay, self.trace = world, balancer, delay, trace
        self.worth: Floats = np.zeros(replications)  # rewards less what they cost
        self._later = _Later(replications, requests) if delay > 0 else None
        self._pairs = Pairs(world, replications, requests) if isinstance(world, Paired) else None
        self._everybody = np.arange(balancer.rules.arms)

    def features(self, rows: Ints, count: Ints) -> Floats:
        return self.world.features(rows, count)

    def available(self, t: Floats) -> Bools | None:
        """(n, K) which servers are there; None where they never come nor go."""
        return self.world.present(t)

    def reserve(self, rows: Ints, count: Ints, t: Floats) -> Floats:
        """(n, K) the most dollars that an attempt can cost."""
        return self.world.most(rows, count, t)

    def judged(self, rows: Ints, count: Ints, arm: Ints, outcome: Ints, t: Floats) -> Ints:
        """(n,) the outcomes of attempts, once their answers were looked at."""
        if not self.until_good:
            return outcome
        bad = self.world.quality(rows, count, arm, t) < 0.5
        return np.where((outcome == SUCCEEDED) & bad, FAILED, outcome)

    def cost(self, rows: Ints, count: Ints, arm: Ints, outcome: Ints, t: Floats) -> Floats:
        """(n,) dollars for attempts that ended: a refusal, or no answer, costs nothing."""
        paid = outcome == SUCCEEDED
        if self.until_good:
            paid |= outcome == FAILED
        cost: Floats = np.where(paid, self.world.cost(rows, count, arm, t), 0.0)
        self.worth[rows] -= self.balancer.rules.usd * cost
        if self.trace is not None:
            self.trace.attempted(rows, count, cost)
        return cost

    def deliver(  # noqa: PLR0917
        self, rows: Ints, count: Ints, arm: Ints, now: Floats, t: Floats, seconds: Floats
    ) -> None:
        """Requests were answered, ``seconds`` (n,) after they came: judge the answers, or later."""
        value = self.world.quality(rows, count, arm, t)
        self.worth[rows] += value - self.balancer.rules.seconds * seconds
        if self.trace is not None:
            self.trace.delivered(rows, count, arm, value)
        if self._pairs is not None:
            said = self._pairs.answered(rows, now, count, arm, value)
            if said is not None:
                self.balancer.prefer(said)
        elif self._later is not None:
            self._later.put(rows, now + self.delay, count, arm, value)
        elif self.balancer.rules.rewards:
            self._tell(rows, now, count, arm, value)

    def due(self) -> Floats:
        """(R,) when each replication's next reward is known; infinite where none will be."""
        if self._later is None:
            return np.full(len(self.worth), np.inf)
        return self._later.next()

    def tell(self, rows: Ints, now: Floats) -> None:
        """The next reward of these replications is known."""
        assert self._later is not None
        count, arm, value = self._later.take(rows)
        if self.balancer.rules.rewards:
            self._tell(rows, now, count, arm, value)

    def _tell(self, rows: Ints, now: Floats, count: Ints, arm: Ints, value: Floats) -> None:
        unknown = np.full(len(rows), np.nan)
        features = self.world.features(rows, count)
        self.balancer.reward(Reward(rows, now, count, arm, value, unknown, features))


class _Later:
    """Rewards on their way: all take equally long, so that the first to come is the first known."""

    def __init__(self, replications: int, requests: int) -> None:
        shape = replications, requests
        self.time: Floats = np.full(shape, np.inf)
        self.count = np.zeros(shape, dtype=np.intp)
        self.arm = np.zeros(shape, dtype=np.intp)
        self.value: Floats = np.zeros(shape)
        self.first = np.zeros(replications, dtype=np.intp)
        self.last = np.zeros(replications, dtype=np.intp)

    def put(self, rows: Ints, time: Floats, count: Ints, arm: Ints, value: Floats) -> None:
        place = self.last[rows]
        self.last[rows] += 1
        for table, values in ((self.time, time), (self.count, count), (self.arm, arm)):
            table[rows, place] = values
        self.value[rows, place] = value

    def next(self) -> Floats:
        """(R,) when the first of each is known."""
        rows = np.arange(len(self.first))
        place = np.minimum(self.first, self.time.shape[1] - 1)
        time: Floats = self.time[rows, place]
        return np.where(self.first < self.last, time, np.inf)

    def take(self, rows: Ints) -> tuple[Ints, Ints, Floats]:
        place = self.first[rows]
        self.first[rows] += 1
        return self.count[rows, place], self.arm[rows, place], self.value[rows, place]
