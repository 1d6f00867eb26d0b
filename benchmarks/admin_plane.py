"""What it costs requests that somebody asks the admin plane without end.

    .venv/bin/python -m benchmarks.admin_plane --quick

Sixty routes; what the data plane serves for each second of processor time while one or sixteen ask
for one thing again and again, over the same just before.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median

from benchmarks.parts.load import wrk
from benchmarks.parts.processes import (
    HOST,
    MEASURED,
    always_ok,
    cpu_time,
    free_ports,
    measuring,
    running,
)

SERVERS, ROUTES, BUSY = 10, 60, 16
ASKED = ("/api/snapshot", "/metrics")
ASKING = (1, 16)  # clients, one request after the other each


@contextmanager
def flb(servers: list[str]) -> Iterator[tuple[str, str, int]]:
    """A balancer with many routes: the address of one, of the admin plane, and its pid."""
    port, admin = free_ports(2)
    lines = ["[pools.p]", f"servers = {servers}"]
    for number in range(ROUTES):
        lines += [f"[routes.r{number}]", 'kind = "ids"', f'path = "/{number}"', 'pool = "p"']
        lines += ['strategy = "v4"']
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write("\n".join(lines) + "\n")
        config.flush()
        command = [str(Path(sys.executable).with_name("flb")), "serve", "--config", config.name]
        command += ["--port", str(port), "--admin-port", str(admin), "--no-records"]
        with running(command, port, MEASURED) as pid:
            yield f"http://{HOST}:{port}/0", f"http://{HOST}:{admin}", pid


def compare(rounds: int, seconds: int) -> None:
    """A line for each thing that is asked for, and number of those who ask."""
    with always_ok(SERVERS) as servers, flb(servers) as (url, admin, pid):
        wrk(url, BUSY, 1)
        for path, clients in product(ASKED, ASKING):
            ratios = []
            for _ in range(rounds):
                quiet = _served(url, pid, seconds)
                command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds + 2}s", "--timeout", "20s"]
                with subprocess.Popen([*command, admin + path], stdout=subprocess.DEVNULL):
                    time.sleep(0.5)  # until it is in the middle of it
                    ratios.append(_served(url, pid, seconds) / quiet)
            print(f"{path:<15}{clients:>3} ask: {median(ratios):.2f} of what is served else")


def _served(url: str, pid: int, seconds: int) -> float:
    """Requests for each second of processor time."""
    before = cpu_time(pid)
    load = wrk(url, BUSY, seconds)
    return load.requests / (cpu_time(pid) - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a third of the time, and rougher")
    with measuring():
        compare(*((2, 2) if parser.parse_args().quick else (3, 4)))


if __name__ == "__main__":
    main()
