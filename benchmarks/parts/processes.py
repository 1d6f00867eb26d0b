"""Child processes of the benchmarks: each on its core, each ended with its benchmark."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"
PINS = hasattr(os, "sched_setaffinity")  # elsewhere the operating system decides
CORES = sorted(os.sched_getaffinity(0)) if PINS else [0]
MEASURED = {CORES[0]}  # what is measured has this core to itself
AROUND = {CORES[-1]}  # load generators and servers share the other one


class BenchmarkError(Exception):
    """A benchmark that cannot go on; the message says why and, if possible, what to do."""


def pin(cores: set[int]) -> None:
    """Keep this process, and the children it starts from now on, on these cores."""
    if PINS:
        os.sched_setaffinity(0, cores)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports: list[int] = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


@contextmanager
def running(
    command: list[str], port: int, cores: set[int], patience: float = 30.0
) -> Iterator[int]:
    """Run a command on these cores until the end of the block; its pid, once the port answers,
    for which ``patience`` is so many seconds.
    """
    with tempfile.TemporaryFile("w+") as log:
        mine = os.sched_getaffinity(0) if PINS else set()
        pin(cores)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        pin(mine)
        try:
            if not _answers(child, port, patience):
                log.seek(0)
                raise BenchmarkError(f"{' '.join(command)} did not start:\n{log.read()[-2000:]}")
            yield child.pid
        finally:
            _end(child)


def _answers(child: subprocess.Popen[bytes], port: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            time.sleep(0.1)  # if somebody else has the port, the child is about to end
            return child.poll() is None
        time.sleep(0.05)
    return False


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def always_ok(servers: int, delay: float = 0.0) -> Iterator[list[str]]:
    """Servers that always succeed, after so many seconds, on free ports; their URLs."""
    ports = free_ports(servers)
    command = [sys.executable, "-m", "benchmarks.parts.always_ok", *map(str, ports)]
    command += ["--delay", str(delay)]
    with running(command, ports[-1], AROUND):
        yield [f"http://{HOST}:{port}" for port in ports]


@contextmanager
def bodies() -> Iterator[str]:
    """A server of large bodies; its URL."""
    (port,) = free_ports(1)
    with running([sys.executable, "-m", "benchmarks.parts.bodies", str(port)], port, AROUND):
        yield f"http://{HOST}:{port}"


def memory(pid: int) -> float:
    """Megabytes that a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_time(pid: int) -> float:
    """Seconds that a process has computed so far; NaN where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited(pid: int) -> float:
    """Seconds that a process's main thread could have computed, while others had its core."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return float("nan")


def end_on_sigterm() -> None:
    """Let SIGTERM unwind the stack, so that children end with us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@contextmanager
def measuring() -> Iterator[None]:
    """Stay off the core of what is measured, and say what went wrong in one line."""
    end_on_sigterm()
    pin(AROUND)
    if len(CORES) == 1:
        print("only one core: what is measured shares it with the load and the servers\n")
    try:
        yield
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
