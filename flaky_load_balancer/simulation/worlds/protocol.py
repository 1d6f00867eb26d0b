"""What there is to know of the requests and answers of R replications."""

from typing import Protocol

from flaky_load_balancer.core.types import Bools, Floats, Ints


class World(Protocol):
    """What requests of R replications are about, and what K servers' answers are worth.

    ``count`` (n,) is the number of a request in its replication, from 1; ``t`` (n,) seconds since
    the first attempt.
    """

    labels: tuple[str, ...]
    d: int
    marks: tuple[int, int]  # the columns of the features that mark the task; (0, 0): none

    def tasks(self, rows: Ints, count: Ints) -> Ints:
        """(n,) the task of each request, an index into ``labels``."""

    def features(self, rows: Ints, count: Ints) -> Floats:
        """(n, d) what strategies see of each request."""

    def quality(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        """(n,) the reward of an answer, in [0, 1]."""

    def cost(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        """(n,) dollars that an answer costs."""

    def most(self, rows: Ints, count: Ints, t: Floats) -> Floats:
        """(n, K) the most dollars that an answer of each server can cost."""

    def present(self, t: Floats) -> Bools | None:
        """(n, K) which servers are there; None where they never come nor go."""

    def worth(self, t: float) -> tuple[Floats, Floats]:
        """(tasks, K) each: mean quality and mean cost at a time."""

    def weights(self) -> Floats:
        """(tasks,) how often each task comes."""
