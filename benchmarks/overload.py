"""Many times the clients that the data plane can serve: what is still served, and who waits.

    .venv/bin/python -m benchmarks.overload --quick

The peak is that of 64 clients of the same kind.  Goodput is what more of them get answered with 200
in a second, over the peak; the others get 503.  Clients come again as soon as they are answered, on
the same connection or on a new one each time.
"""

import argparse
import time
import urllib.request
from contextlib import suppress
from statistics import median
from typing import NamedTuple
from urllib.error import HTTPError

from benchmarks.data_plane import flb
from benchmarks.parts.load import Load, wrk
from benchmarks.parts.processes import BenchmarkError, always_ok, measuring

SERVERS = 10
BUSY = 64  # clients at the peak


class Plan(NamedTuple):
    """How long to look."""

    rounds: int
    seconds: int  # each time


FULL = Plan(rounds=3, seconds=6)
QUICK = Plan(rounds=1, seconds=4)
CROWDS = (500, 2_000, 6_000)


def compare(url: str, plan: Plan) -> None:
    """A line for each crowd, beside a peak measured just before it."""
    print(f"{'clients':>8}  {'connections':<12}{'goodput':>9}{'503 of all':>12}", end="")
    print(f"{'longest':>10}{'idle again after':>18}")
    for again in (False, True):
        for clients in CROWDS:
            rounds = [_round(url, clients, again, plan.seconds) for _ in range(plan.rounds)]
            goodput, refused, longest, recovery = (
                median(column) for column in zip(*rounds, strict=True)
            )
            kind = "new each" if again else "kept"
            print(f"{clients:>8}  {kind:<12}{goodput:>9.2f}{refused:>12.2f}", end="")
            print(f"{longest:>8.2f} s{recovery:>16.2f} s", flush=True)


def _round(url: str, clients: int, again: bool, seconds: int) -> tuple[float, float, float, float]:
    peak = wrk(url, BUSY, seconds, again=again)
    crowd = wrk(url, clients, seconds, flaky=True, again=again)
    refused = crowd.refused / crowd.requests
    return _good(crowd) / _good(peak), refused, crowd.longest, _recovery(url)


def _recovery(url: str) -> float:
    """Seconds from the end of a crowd until somebody is served."""
    began = time.monotonic()
    while time.monotonic() < began + 30:
        with suppress(HTTPError), urllib.request.urlopen(url, timeout=10):
            return time.monotonic() - began
    raise BenchmarkError(f"{url} serves nobody 30 s after its overload")


def _good(load: Load) -> float:
    return (load.requests - load.refused) / load.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a third of the time, and rougher")
    plan = QUICK if parser.parse_args().quick else FULL
    with measuring(), always_ok(SERVERS) as servers, flb(servers, kind="http") as (url, _):
        wrk(url, BUSY, 2)
        compare(url, plan)


if __name__ == "__main__":
    main()
