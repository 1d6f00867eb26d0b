"""Many times what the data plane can serve: what is still served, and who waits.

    .venv/bin/python -m benchmarks.overload --quick

Goodput is what is answered with 200 in a second, over the peak: that of 64 clients, just before.

First clients come at twice, five times and twenty times the peak whether they are answered or not,
on kept connections or a new one each.  Where servers take their time the peak is what
``--max-in-flight`` allows; where they answer at once it is what the processor can do, which the
refusals need as well.  Then clients come again as soon as they are answered, refused or not.
"""

import argparse
import time
import urllib.request
from contextlib import suppress
from itertools import product
from statistics import median
from typing import NamedTuple
from urllib.error import HTTPError

from benchmarks.data_plane import flb
from benchmarks.parts.load import Load, flood, wrk
from benchmarks.parts.processes import BenchmarkError, always_ok, cpu_time, measuring

SERVERS = 10
BUSY = 64  # clients at the peak
TIMES = (2, 5, 20)
CROWDS = (2_000, 6_000)
SLOW, PLACES = 0.05, 16  # seconds of a server, and --max-in-flight: at most 320 a second


class Plan(NamedTuple):
    """How long to look."""

    rounds: int
    seconds: int  # each time


FULL = Plan(rounds=3, seconds=6)
QUICK = Plan(rounds=1, seconds=4)


class Seen(NamedTuple):
    """Of one crowd; ratios are to the peak."""

    came: float
    goodput: float
    refused: float  # share of all
    silent: float  # share of all
    slowest: float  # seconds
    recovery: float  # seconds
    cost: float  # processor time for each that was served, refusals of others included


class Balancer:
    """One under load, and its peak."""

    def __init__(self, url: str, pid: int, seconds: int) -> None:
        self._url, self._pid, self._seconds = url, pid, seconds

    def flooded(self, times: float, *, again: bool) -> Seen:
        peak, usual = self._peak(again)
        before = cpu_time(self._pid)
        met = flood(self._url, times * peak, self._seconds, again=again)
        cost = (cpu_time(self._pid) - before) / max(1.0, met.delivered * self._seconds)
        came, goodput = met.rate / peak, met.delivered / peak
        rest = met.refused, met.silent, met.slowest, self._recovery(), cost / usual
        return Seen(came, goodput, *rest)

    def crowded(self, clients: int, *, again: bool) -> Seen:
        peak, usual = self._peak(again)
        before = cpu_time(self._pid)
        met = wrk(self._url, clients, self._seconds, flaky=True, again=again)
        cost = (cpu_time(self._pid) - before) / max(1.0, _good(met) * met.seconds)
        came, goodput, refused = met.rate / peak, _good(met) / peak, met.refused / met.requests
        return Seen(came, goodput, refused, 0.0, met.longest, self._recovery(), cost / usual)

    def _peak(self, again: bool) -> tuple[float, float]:
        """Requests a second, and seconds of processor time for each."""
        before = cpu_time(self._pid)
        met = wrk(self._url, BUSY, self._seconds, again=again)
        return _good(met), (cpu_time(self._pid) - before) / met.requests

    def _recovery(self) -> float:
        """Seconds from the end of a crowd until somebody is served."""
        began = time.monotonic()
        while time.monotonic() < began + 30:
            with suppress(HTTPError), urllib.request.urlopen(self._url, timeout=10):
                return time.monotonic() - began
        raise BenchmarkError(f"{self._url} serves nobody 30 s after its overload")


def _good(load: Load) -> float:
    return (load.requests - load.refused) / load.seconds


def compare(title: str, plan: Plan, delay: float, *flags: str, closed: bool) -> None:
    """A line for each crowd."""
    print(f"\n{title}")
    print(f"{'':<16}{'connections':<12}{'came':>6}{'goodput':>9}{'503':>6}{'silent':>8}", end="")
    print(f"{'slowest':>10}{'served after':>14}{'CPU each':>10}")
    with always_ok(SERVERS, delay) as servers, flb(servers, "http", *flags) as (url, pid):
        balancer = Balancer(url, pid, plan.seconds)
        wrk(url, BUSY, 2)
        for again, times in product((False, True), TIMES):
            seen = [balancer.flooded(times, again=again) for _ in range(plan.rounds)]
            _line(f"{times} x the peak", again, seen)
        for again, clients in product((False, True), CROWDS if closed else ()):
            seen = [balancer.crowded(clients, again=again) for _ in range(plan.rounds)]
            _line(f"{clients} at once", again, seen)


def _line(crowd: str, again: bool, rounds: list[Seen]) -> None:
    seen = Seen(*(median(column) for column in zip(*rounds, strict=True)))
    line = f"{crowd:<16}{'new each' if again else 'kept':<12}{seen.came:>6.1f}{seen.goodput:>9.2f}"
    line += f"{seen.refused:>6.2f}{seen.silent:>8.3f}{seen.slowest:>8.2f} s"
    print(f"{line}{seen.recovery:>12.2f} s{seen.cost:>10.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a third of the time, and rougher")
    plan = QUICK if parser.parse_args().quick else FULL
    with measuring():
        limit = ("--max-in-flight", str(PLACES))
        compare("Bound by servers that take 50 ms", plan, SLOW, *limit, closed=False)
        compare("Bound by the processor", plan, 0.0, closed=True)


if __name__ == "__main__":
    main()
