"""How a route came to where it is, for whoever opens the page late or comes back to it.

The samples are those of the live frames.  There are never more than fit on a screen: when they are
too many, every second one goes, and from then on only every second one is kept.
"""

from collections.abc import Mapping
from typing import Any

MOST = 256  # samples kept
NUMBERS = (
    *("requests", "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"),
    *("effort", "score", "bound", "regret"),
)
PERCENTILES = ("p50", "p99")

Sample = tuple[float, tuple[Any, ...], list[float]]  # time, numbers, share of each server


class History:
    """Samples of one route's frames, at most ``most`` of them; the newest is always there."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._samples: list[Sample] = []
        self._newest: Sample | None = None
        self._stride = 1
        self._count = 0

    def add(self, time: float, frame: Mapping[str, Any]) -> None:
        latency = frame["latency_ms"]
        numbers = *(frame[key] for key in NUMBERS), *(latency[key] for key in PERCENTILES)
        self._newest = time, numbers, frame["servers"]["share"]
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

    def shares(self, after: float = 0.0) -> list[list[float]]:
        """Of each sample, each server's share of the attempts of the last ten seconds."""
        return [sample[2] for sample in self._since(after)]

    def _since(self, after: float) -> list[Sample]:
        samples = self._samples
        if self._newest is not None and samples[-1] is not self._newest:
            samples = [*samples, self._newest]
        return [sample for sample in samples if sample[0] > after]
