"""A world in which every question is asked twice, and two answers are compared.

Requests 2 m - 1 and 2 m ask question m.  A server answers it alike both times.
"""

import numpy as np

from flaky_load_balancer.core.types import Bools, Floats, Ints
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.fleets.chance import Words
from flaky_load_balancer.simulation.scenarios.model import Scenario
from flaky_load_balancer.simulation.worlds.protocol import World


class Paired:
    """The questions of ``world``, each asked twice."""

    def __init__(self, world: World, scenario: Scenario, sharpness: float, seeds: Words) -> None:
        self.world, self.name, self.sharpness, self.seeds = world, scenario.name, sharpness, seeds
        self.labels, self.d, self.marks = world.labels, world.d, world.marks

    def tasks(self, rows: Ints, count: Ints) -> Ints:
        return self.world.tasks(rows, question(count))

    def features(self, rows: Ints, count: Ints) -> Floats:
        return self.world.features(rows, question(count))

    def quality(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        return self.world.quality(rows, question(count), arm, t)

    def cost(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        return self.world.cost(rows, question(count), arm, t)

    def most(self, rows: Ints, count: Ints, t: Floats) -> Floats:
        return self.world.most(rows, question(count), t)

    def present(self, t: Floats) -> Bools | None:
        return self.world.present(t)

    def worth(self, t: float) -> tuple[Floats, Floats]:
        return self.world.worth(t)

    def weights(self) -> Floats:
        return self.world.weights()

    def prefers(self, rows: Ints, count: Ints, lead: Floats) -> Bools:
        """(n,) whether people prefer an answer whose quality is larger by ``lead`` (n,)."""
        key = chance.key(self.seeds[rows], self.name, 0, "preference")
        liked: Bools = chance.uniform(key, question(count)) < 1 / (
            1 + np.exp(-self.sharpness * lead)
        )
        return liked


def question(count: Ints) -> Ints:
    """(n,) the number of the question that a request asks."""
    return (np.asarray(count) + 1) // 2
