"""What each server of a log received, in the order and on the clock that its limiter saw."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints, Outcome
from flaky_load_balancer.simulation.fitting.log import Log

DAY = 86400.0
LARGEST = 10_000  # attempts of each server: more tell nothing new of its limit


class Received(NamedTuple):
    """What one server received; (n,) each."""

    t: Floats  # seconds; every run begins on a whole day of its own
    admitted: Bools  # for sure
    refused: Bools
    took: Bools  # what used an admission; of what was cancelled nobody knows, but probably it did

    @property
    def limited(self) -> bool:
        return bool(self.refused.any())

    def wrong(self, need: Ints) -> Ints:
        """(most,) how many attempts each capacity gets wrong, from 1 to the largest need."""
        most = int(need.max())
        spared = np.bincount(need[self.admitted], minlength=most + 1).cumsum()
        missed = np.bincount(need[self.refused], minlength=most + 1).cumsum()
        wrong: Ints = (spared[-1] - spared + missed)[1:]
        return wrong

    def misjudged(self, refusing: Bools) -> Ints:
        """(G,) how many attempts each of G limiters gets wrong, which would refuse these (n, G)."""
        spared = np.count_nonzero(refusing[self.admitted], axis=0)
        wrong: Ints = spared + np.count_nonzero(~refusing[self.refused], axis=0)
        return wrong

    def judged(self, refusing: Bools) -> Ints:
        """(4,) said admitted: was, was not; said refused: was not, was."""
        said = np.array([~refusing, ~refusing, refusing, refusing])
        was = np.array([self.admitted, self.refused, self.admitted, self.refused])
        table: Ints = np.count_nonzero(said & was, axis=1)
        return table


def received_by(log: Log, *, failures: bool = True) -> Sequence[Received]:
    """One for each server, in their order; ``failures`` says whether these use an admission.

    Where they do not, a server fails in front of its limiter.
    """
    failed = log.outcome == Outcome.FAILED
    admitted, took = log.admitted, ~log.refused
    if not failures:
        admitted, took = admitted & ~failed, took & ~failed
    clock = log.since + log.run * DAY * (np.floor(log.since.max() / DAY) + 2)
    servers = []
    for server in range(len(log.servers)):
        mine = np.flatnonzero(log.server == server)
        mine = mine[np.argsort(clock[mine], kind="stable")][:LARGEST]
        servers.append(Received(clock[mine], admitted[mine], log.refused[mine], took[mine]))
    return servers
