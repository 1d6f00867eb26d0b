"""A world behind real servers: what they say of their answers, and clients of their requests.

A request is known by its body alone, as servers and clients see nothing else of each other.
"""

from hashlib import blake2b

import numpy as np

from flaky_load_balancer.simulation.fleets.chance import Words
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.protocol import World
from flaky_load_balancer.simulation.worlds.world import world_of

ROW = np.zeros(1, dtype=np.intp)


class LiveWorld:
    """The requests of one fleet, and what answers to them are worth."""

    def __init__(self, world: World, delay: float) -> None:
        self.world, self.delay = world, delay

    @classmethod
    def of(cls, scenario: Scenario, seeds: Words) -> "LiveWorld | None":
        """None where a scenario says nothing of contexts."""
        world = world_of(scenario, seeds)
        if world is None or scenario.contexts is None:
            return None
        return cls(world, scenario.contexts.reward_delay)

    def features(self, body: bytes) -> str:
        """What a client's header says of its request."""
        return ",".join(map(repr, self.world.features(ROW, numbered(body))[0].tolist()))

    def headers(self, body: bytes, arm: int, t: float) -> str:
        """What a server's headers say of its answer, at t seconds since the first attempt."""
        about = ROW, numbered(body), np.array([arm]), np.array([t])
        quality, cost = self.world.quality(*about).item(), self.world.cost(*about).item()
        later = f";after={self.delay:g}" if self.delay else ""
        return f"X-Quality: {quality!r}{later}\r\nX-Cost-USD: {cost!r}\r\n"


def numbered(body: bytes) -> np.ndarray:
    """(1,) the number that chance gives a request of this body."""
    return np.array([int.from_bytes(blake2b(body, digest_size=6).digest(), "big") + 1])
