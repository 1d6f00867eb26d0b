"""Latencies in a histogram of fixed size: what it costs does not grow with the run."""

import math

import numpy as np

from flaky_load_balancer.core.types import Floats

PER_DOUBLING = 16  # a bucket is 4.4 % wide
SHORTEST = 1e-5  # seconds; everything below falls into the first bucket
DOUBLINGS = 24  # up to 168 s; everything above falls into the last bucket
SIZE = PER_DOUBLING * DOUBLINGS


def bucket(seconds: float) -> int:
    if seconds <= SHORTEST:
        return 0
    index = 1 + int(PER_DOUBLING * math.log2(seconds / SHORTEST))
    return index if index < SIZE else SIZE - 1


def upper_edge(index: int) -> float:
    """The longest latency, in seconds, that falls into this bucket."""
    return SHORTEST * math.exp2(index / PER_DOUBLING)


class Histogram:
    """Counts of latencies in seconds, in buckets of equal ratio."""

    __slots__ = ("count", "counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * SIZE
        self.count = 0
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bucket(seconds)] += 1
        self.count += 1
        self.sum += seconds

    def add_all(self, seconds: Floats) -> None:
        """As ``add`` for each of n latencies."""
        steps = PER_DOUBLING * np.log2(np.maximum(seconds, SHORTEST) / SHORTEST)
        index = np.where(seconds <= SHORTEST, 0, np.minimum(SIZE - 1, 1 + np.floor(steps)))
        more = np.bincount(index.astype(np.intp), minlength=SIZE).tolist()
        self.counts = [count + new for count, new in zip(self.counts, more, strict=True)]
        self.count += len(seconds)
        self.sum += float(seconds.sum())

    def merge(self, other: "Histogram") -> None:
        """Add what another histogram has counted."""
        if not other.count:
            return
        pairs = zip(self.counts, other.counts, strict=True)
        self.counts = [mine + its for mine, its in pairs]
        self.count += other.count
        self.sum += other.sum

    def since(self, before: "Histogram") -> "Histogram":
        """What was counted after it was like ``before``."""
        more = Histogram()
        more.counts = [now - then for now, then in zip(self.counts, before.counts, strict=True)]
        more.count, more.sum = self.count - before.count, self.sum - before.sum
        return more

    def quantile(self, share: float) -> float | None:
        """Seconds below which this share of all latencies lies, to within 2.2 %."""
        rank = share * self.count
        seen = 0
        for index, count in enumerate(self.counts):
            seen += count
            if count and seen >= rank:
                return upper_edge(index) / math.exp2(0.5 / PER_DOUBLING)
        return None

    def bars(self, merged: int = 4) -> tuple[list[float], list[int]]:
        """For people: edges in seconds, and between each two of them how many latencies.

        As many buckets as ``merged`` are one bar; there are none before the shortest latency and
        none behind the longest.
        """
        held = [index // merged for index, count in enumerate(self.counts) if count]
        if not held:
            return [], []
        bars = range(held[0], held[-1] + 1)
        edges = [upper_edge(merged * bar - 1) for bar in (*bars, bars.stop)]
        return edges, [sum(self.counts[merged * bar : merged * (bar + 1)]) for bar in bars]

    def at_most(self, edges: list[float]) -> list[int]:
        """How many latencies are at most as long as each of these edges (ascending, seconds)."""
        cumulative, index, out = 0, 0, []
        for edge in edges:
            while index < SIZE and upper_edge(index) <= edge * (1 + 1e-9):
                cumulative += self.counts[index]
                index += 1
            out.append(cumulative)
        return out
