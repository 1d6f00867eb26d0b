"""How far behind its time a program runs: what shows that a machine is overloaded.

A program that the machine does not serve in time is woken late.  ``watch_loop`` notes how late, all
the time; child processes report theirs to the program that started them (``processes.Child``).
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from flaky_load_balancer.core.histogram import Histogram

PERIOD = 0.02  # seconds between two moments at which the event loop should be there
REPORT = 0.5  # seconds between two reports


class Lateness:
    """Many delays, in seconds: their quantiles and the longest."""

    def __init__(self, delays: Iterable[float] = ()) -> None:
        self._histogram = Histogram()
        self.longest = 0.0
        self.add_all(delays)

    @property
    def count(self) -> int:
        return self._histogram.count

    def add(self, seconds: float) -> None:
        self._histogram.add(max(0.0, seconds))
        self.longest = max(self.longest, seconds)

    def add_all(self, delays: Iterable[float]) -> None:
        for delay in delays:
            self.add(delay)

    def merge(self, other: "Lateness") -> None:
        self._histogram.merge(other._histogram)
        self.longest = max(self.longest, other.longest)

    def quantile(self, share: float) -> float:
        """Seconds; 0 if there was nothing to be late for."""
        return min(self._histogram.quantile(share) or 0.0, self.longest)

    def milliseconds(self) -> dict[str, float]:
        """For people and JSON, to three digits."""
        values = {"p50": self.quantile(0.5), "p99": self.quantile(0.99), "max": self.longest}
        return {name: float(f"{1000 * seconds:.3g}") for name, seconds in values.items()}


async def watch_loop(note: Callable[[float], None]) -> None:
    """Note how late the event loop is at each of many moments, until cancelled.

    The moments are fixed beforehand: a loop that stands still for a second misses fifty of them,
    and each of them counts with its own delay.
    """
    due = time.monotonic() + PERIOD
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        while due <= now:
            note(now - due)
            due += PERIOD


async def report_loop(write: Callable[[list[float]], None]) -> None:
    """Write the delays of the event loop twice a second, rounded to 0.1 ms, until cancelled."""
    delays: list[float] = []
    watching = asyncio.create_task(watch_loop(delays.append))
    try:
        while True:
            await asyncio.sleep(REPORT)
            write([round(delay, 4) for delay in delays])
            delays.clear()
    finally:
        watching.cancel()
