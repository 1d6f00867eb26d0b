"""What several workers cost: processor time for each request, beside one process without.

    .venv/bin/python -m benchmarks.workers --quick

Both stand before the same servers and are asked in turn.  All of a service's processes count.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.data_plane import flb
from benchmarks.parts.load import wrk
from benchmarks.parts.processes import always_ok, cpu_time, measuring

SERVERS, CONNECTIONS, SECONDS = 10, 32, 3
GOAL = 1.15


def family(pid: int) -> Iterator[int]:
    """A process and its children."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, children.read_text().split())


def cost(url: str, pid: int) -> float:
    """Microseconds of processor time for each request."""
    before = sum(map(cpu_time, family(pid)))
    load = wrk(url, CONNECTIONS, SECONDS)
    return 1e6 * (sum(map(cpu_time, family(pid))) - before) / load.requests


def compare(servers: list[str], workers: int, rounds: int) -> None:
    """Print both, and their ratio in each round."""
    with ExitStack() as stack:
        services = [
            stack.enter_context(flb(servers, "http", "--workers", str(each)))
            for each in (1, workers)
        ]
        for url, _ in services:
            wrk(url, CONNECTIONS, 1)
        pairs = [[cost(*service) for service in services] for _ in range(rounds)]
    ratio = median(several / one for one, several in pairs)
    one, several = (median(column) for column in zip(*pairs, strict=True))
    print(f"one process {one:.0f} us, {workers} workers {several:.0f} us for each request")
    print(f"ratio {ratio:.2f} (goal: at most {GOAL})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with measuring(), always_ok(SERVERS) as servers:
        compare(servers, args.workers, rounds=2 if args.quick else 6)


if __name__ == "__main__":
    main()
