"""Chance of what models say: a function of the fleet, the model and the question."""

from hashlib import blake2b
from statistics import NormalDist

from flaky_load_balancer.simulation.fleets.fleet import Fleet

BYTES = 7  # of a number: fewer bits than a float can tell apart
_NORMAL = NormalDist()


class Luck:
    """Two numbers for each question that a model of the first fleet is asked."""

    def __init__(self, fleet: Fleet, arm: int) -> None:
        self._key = blake2b(
            f"{fleet.seeds[0]}\0{fleet.scenario.name}\0{arm}".encode(), digest_size=32
        ).digest()

    def of(self, text: str) -> tuple[float, float]:
        """Uniform inside (0, 1) and standard normal."""
        digest = blake2b(text.encode(), digest_size=2 * BYTES, key=self._key).digest()
        first, second = digest[:BYTES], digest[BYTES:]
        return _uniform(first), _NORMAL.inv_cdf(_uniform(second))


def _uniform(digest: bytes) -> float:
    return (int.from_bytes(digest, "big") + 0.5) / (1 << 8 * BYTES)
