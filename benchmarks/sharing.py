"""What sharing costs a request: processor time of telling, and of learning what another told.

    python -m benchmarks.sharing [STRATEGY ...]

Two balancers of one process before the same ten servers: the first plays and tells, a batch of
facts for every ten requests, the second is told.  Without limits and with tight ones, beside what
the request costs the first one alone: deciding, and learning how its attempts ended.
"""

import argparse
from statistics import median
from time import process_time

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Outcome, Rules
from flaky_load_balancer.sharing.exchange import Exchange
from flaky_load_balancer.sharing.transport import Nobody
from strategies import STRATEGIES

ARMS, BATCH = 10, 10
FIRST, CHUNKS = 15, 60  # batches that are not looked at, and those that are
GAP = 0.02  # seconds between requests
EVERY = 0.25  # seconds: how often a server admits an attempt, where there are limits
TOOK = 0.001  # seconds that an attempt takes
GOAL = 60  # microseconds
NAMES = [f"server-{arm}" for arm in range(ARMS)]
QUALITY = np.linspace(0.6, 0.98, ARMS)


class Wire(Nobody):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []

    def publish(self, route: str, batch: bytes) -> None:  # noqa: ARG002
        self.batches.append(batch)


class Replica:
    """A balancer, and its part in the sharing."""

    def __init__(self, strategy: str) -> None:
        self.now, self.number, self.wire = 1e9, 0, Wire()
        self.chances = np.random.default_rng(2)
        self.admits = np.zeros(ARMS)  # seconds: when each server admits the next attempt
        rng = np.random.default_rng(1)
        self.balancer = Balancer(STRATEGIES[strategy](), Rules(ARMS), rng)
        self.exchange = Exchange(
            *("route", self.balancer, lambda: NAMES, self.wire),
            clock=lambda: self.now,
            later=lambda _, __: None,
        )

    def play(self, *, limits: bool) -> float:
        """Microseconds of each request, of one batch."""
        began = process_time()
        for _ in range(BATCH):
            self.now += GAP
            self.number += 1
            self.balancer.arrive_one(0, self.now + 2.0, self.number)
            while (arm := self._decided()) != GIVE_UP:
                outcome = Outcome(int(self.chances.random() > QUALITY[arm]))
                if limits and self.now < self.admits[arm]:
                    outcome = Outcome.RATE_LIMITED
                else:
                    self.admits[arm] = self.now + EVERY
                self.now += TOOK
                self.balancer.complete_one(0, int(outcome), self.now, np.nan)
                if outcome is Outcome.SUCCEEDED:
                    break
        self.exchange.flush()
        return 1e6 * (process_time() - began) / BATCH

    def _decided(self) -> int:
        """The server of the next attempt, after what it is held for; or GIVE_UP."""
        while True:
            action = self.balancer.decide_one(0, self.now, ARMS)
            if (arm := action.arm.item()) != HOLD:
                return int(arm)
            assert action.until is not None
            self.now = action.until.item()

    def learn(self, batch: bytes) -> float:
        """Microseconds of each request that another told of."""
        began = process_time()
        self.exchange.deliver(batch)
        return 1e6 * (process_time() - began) / BATCH


def costs(strategy: str, *, limits: bool) -> tuple[float, float, float]:
    """Microseconds of a request: alone, what telling adds, and what learning costs another."""
    alone, teller, learner = (Replica(strategy) for _ in range(3))
    for each in (teller, learner):
        each.exchange.begin()
    found = []
    for _ in range(FIRST + CHUNKS):  # in turn: what disturbs one disturbs all
        own, tells = (each.play(limits=limits) for each in (alone, teller))
        learner.now = teller.now
        found.append((own, tells - own, learner.learn(teller.wire.batches[-1])))
    own, told, learnt = (median(column) for column in zip(*found[FIRST:], strict=True))
    return own, told, learnt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("strategies", nargs="*", default=["v4", "v6", "cascade"])
    print(f"{'microseconds a request':<26}{'alone':>8}{'tells':>8}{'learns':>8}{'ratio':>8}")
    for strategy in parser.parse_args().strategies:
        for limits in (False, True):
            own, told, learnt = costs(strategy, limits=limits)
            name = f"{strategy}, {'tight limits' if limits else 'no limits'}"
            ratio = (told + learnt) / own
            print(f"{name:<26}{own:>8.0f}{told:>8.0f}{learnt:>8.0f}{ratio:>8.2f}", flush=True)
    print(f"goal: tells + learns at most {GOAL}")


if __name__ == "__main__":
    main()
