"""How a route came to where it is, for whoever opens the page late or comes back to it.

The samples are those of the live frames.  There are never more than fit on a screen: when they are
too many, every second one goes, and from then on only every second one is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

SAMPLES = 256  # samples kept
NUMBERS = (
    *("requests", "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"),
    *("effort", "score", "bound", "regret"),
)
PERCENTILES = ("p50", "p99")

Limit = tuple[float | None, float | None, float | None, int, int]  # low, middle, high, counts
Sample = tuple[float, tuple[Any, ...], dict[str, tuple[float, Limit | None]]]


def _limits(servers: Mapping[str, Any]) -> Sequence[Limit | None]:
    """Of each server, the limit that it is believed to have, with its attempts and refusals."""
    middle = servers.get("capacity")
    if middle is None:
        return [None] * len(servers["server"])
    ends = servers.get("capacity_low", middle), middle, servers.get("capacity_high", middle)
    return list(zip(*ends, servers["attempts"], servers["rate_limited"], strict=True))


class History:
    """Samples of one route's frames, at most ``most`` of them; the newest is always there."""

    def __init__(self, most: int = SAMPLES) -> None:
        self._most = most
        self._samples: list[Sample] = []
        self._newest: Sample | None = None
        self._stride = 1
        self._count = 0

    def add(self, time: float, frame: Mapping[str, Any]) -> None:
        latency = frame["latency_ms"]
        numbers = *(frame[key] for key in NUMBERS), *(latency[key] for key in PERCENTILES)
        servers = frame["servers"]
        told = zip(servers["share"], _limits(servers), strict=True)
        self._newest = time, numbers, dict(zip(servers["server"], told, strict=True))
        if self._count % self._stride == 0:
            self._samples.append(self._newest)
        self._count += 1
        if len(self._samples) == self._most:
            del self._samples[1::2]
            self._stride *= 2

    def numbers(self, after: float = 0.0) -> dict[str, list[Any]]:
        """Columns: the time of each sample, seconds since the epoch, and the run's numbers."""
        samples = self._since(after)
        columns = [list(column) for column in zip(*(s[1] for s in samples), strict=True)]
        names = NUMBERS + PERCENTILES
        empty: list[list[Any]] = [[] for _ in names]
        return {
            "time": [sample[0] for sample in samples],
            **dict(zip(names, columns or empty, strict=True)),
        }

    def shares(self, after: float = 0.0) -> dict[str, list[Any]]:
        """Of each sample, each server's share of the attempts of the last ten seconds, and limit.

        The servers are those of the newest frame: of a large pool it shows some only.
        """
        servers = [] if self._newest is None else list(self._newest[2])
        rows = [[told.get(s, (0, None)) for s in servers] for _, _, told in self._since(after)]
        return {
            "servers": servers,
            "share": [[share for share, _ in row] for row in rows],
            "limits": [[limit for _, limit in row] for row in rows],
        }

    def _since(self, after: float) -> list[Sample]:
        samples = self._samples
        if self._newest is not None and samples[-1] is not self._newest:
            samples = [*samples, self._newest]
        return [sample for sample in samples if sample[0] > after]
