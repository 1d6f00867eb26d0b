"""How much later the built-in servers answer because of the sandbox.

    .venv/bin/python -m benchmarks.startup --quick

The servers of T1, T2 and T3 are started as ``flb servers`` starts them, in turns with and without
each sandbox that works here, until all thirty ports accept connections.  What counts is the
difference within a turn: the machine is as busy for one as for the other.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from benchmarks.parts.processes import end_on_sigterm
from sandbox import available

OFF = "off"
SCENARIOS = "T1", "T2", "T3"
GOAL = 30.0  # milliseconds


class Start(NamedTuple):
    """All in milliseconds."""

    ready: float
    gone: float  # from being asked to end until all of it is
    cpu: float  # of processor time, from start to end


def started(sandbox: str) -> Start:
    """Start the servers, see that all accept, end them."""
    command = [sys.executable, "-m", "flaky_load_balancer", "servers", "--child", "--free-ports"]
    command += ["--json", "-", "--sandbox", sandbox]
    command += [word for name in SCENARIOS for word in ("--scenario", name)]
    used, begun = _cpu(), time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None  # a pipe
        for fleet in json.loads(process.stdout.readline())["fleets"]:
            for url in fleet["servers"]:
                host, port = url.removeprefix("http://").split(":")
                socket.create_connection((host, int(port)), timeout=10.0).close()
        ready = time.perf_counter()
        process.terminate()
        process.wait(timeout=30.0)
    gone = time.perf_counter()
    return Start(1000 * (ready - begun), 1000 * (gone - ready), 1000 * (_cpu() - used))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="five turns")
    turns = 5 if parser.parse_args().quick else 30
    end_on_sigterm()
    names = [OFF, *(offer.name for offer in available() if offer.problem is None)]
    for name in names:
        started(name)  # the first one finds nothing in memory
    found: dict[str, list[Start]] = {name: [] for name in names}
    for turn in range(turns):
        for name in names if turn % 2 else reversed(names):
            found[name].append(started(name))
    print(f"medians of {turns} turns, load {os.getloadavg()[0]:.1f}; goal: {GOAL:g} ms later")
    print(f"{'sandbox':<12}{'ready ms':>10}{'later':>8}{'x off':>7}{'gone ms':>9}{'cpu ms':>8}")
    for name, starts in found.items():
        ready, gone, cpu = (statistics.median(each) for each in zip(*starts, strict=True))
        pairs = list(zip(starts, found[OFF], strict=True))
        later = statistics.median(with_it.ready - without.ready for with_it, without in pairs)
        ratio = statistics.median(with_it.ready / without.ready for with_it, without in pairs)
        print(f"{name:<12}{ready:>10.0f}{later:>8.1f}{ratio:>7.2f}{gone:>9.0f}{cpu:>8.0f}")


if __name__ == "__main__":
    main()
