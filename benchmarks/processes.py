"""Child processes of the benchmarks: each pinned to a core, each ended with its benchmark."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
MEASURED = {CORES[0]}  # what is measured has this core to itself
AROUND = {CORES[-1]}  # load generators and servers share the other one


@contextmanager
def running(command: list[str], cores: set[int]) -> Iterator[subprocess.Popen[str]]:
    """Run a command on these cores, and end it, whatever happens."""
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        pin(cores, child.pid)
        yield child
    finally:
        child.terminate()
        try:
            child.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def pin(cores: set[int], pid: int = 0) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, cores)


@contextmanager
def always_ok(servers: int) -> Iterator[list[str]]:
    """Servers that always succeed, on free ports; their URLs."""
    command = [sys.executable, "-m", "benchmarks.always_ok", "--servers", str(servers)]
    with running(command, AROUND) as child:
        assert child.stdout is not None
        yield [child.stdout.readline().strip() for _ in range(servers)]
