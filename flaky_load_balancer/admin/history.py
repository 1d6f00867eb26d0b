"""How a route came to where it is, for whoever opens the page late or comes back to it.

The samples are those of the live frames.  There are never more than fit on a screen: when they are
too many, every second one goes, and from then on only every second one is kept.
"""

from collections.abc import Mapping
from typing import Any

SAMPLES = 256  # samples kept
NUMBERS = (
    *("requests", "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"),
    *("effort", "score", "bound", "regret"),
)
PERCENTILES = ("p50", "p99")

Sample = tuple[float, tuple[Any, ...], dict[str, float]]  # time, numbers, share of each server


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
        shares = dict(zip(servers["server"], servers["share"], strict=True))
        self._newest = time, numbers, shares
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
        """Of each sample, each server's share of the attempts of the last ten seconds.

        The servers are those of the newest frame: of a large pool it shows some only.
        """
        servers = [] if self._newest is None else list(self._newest[2])
        share = [[shares.get(name, 0) for name in servers] for _, _, shares in self._since(after)]
        return {"servers": servers, "share": share}

    def _since(self, after: float) -> list[Sample]:
        samples = self._samples
        if self._newest is not None and samples[-1] is not self._newest:
            samples = [*samples, self._newest]
        return [sample for sample in samples if sample[0] > after]
