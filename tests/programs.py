"""``flb`` as a process: run it, talk to it, and see what it left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

FLB = (sys.executable, "-m", "flaky_load_balancer")
PATIENCE = 60.0  # seconds: test machines are small and busy


class Done(NamedTuple):
    code: int
    out: str
    err: str


def flb(*words: object, cwd: Path) -> Done:
    """Run to the end, in a folder of its own."""
    done = subprocess.run(
        [*FLB, *map(str, words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(),
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(*words: object, cwd: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that is gone, with all that it started, when the block ends."""
    with subprocess.Popen(
        [*FLB, *map(str, words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            for pid in mentioning(str(cwd)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def ended(process: "subprocess.Popen[str]") -> Done:
    """Wait for its end."""
    out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out, err)


def environment() -> dict[str, str]:
    """Ours, without what would change how a program behaves or looks."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("FLB_", "COV_"))} | {
        "NO_COLOR": "1",
        "COLUMNS": "200",
        "FLB_TOLERANCE": "100",  # other tests keep the machine busy
    }


def mentioning(marker: str) -> dict[int, str]:
    """Processes with this in their command line or as their working folder, but for zombies."""
    found = {}
    for pid, command in _processes():
        if marker in command and pid != os.getpid():
            found[pid] = command
    return found


def _processes() -> Iterator[tuple[int, str]]:
    if not Path("/proc/self/cmdline").exists():
        listed = subprocess.run(
            ["ps", "-axww", "-o", "pid=,command="], check=False, capture_output=True
        )
        for line in listed.stdout.decode(errors="replace").splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command
        return
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            yield (
                int(folder.name),
                f"{words.decode(errors='replace')} {(folder / 'cwd').readlink()}",
            )


def eventually(holds: Any, what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE / 2
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


def nobody_left(marker: str) -> None:
    eventually(lambda: not mentioning(marker), f"all ended of {mentioning(marker)}")


def is_free(port: int) -> bool:
    """Whether a new server could listen there."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_range(count: int) -> int:
    """The first of so many free neighbouring ports, below those that systems hand out."""
    first = 10_000 + (os.getpid() * 37) % 20_000
    while not all(is_free(port) for port in range(first, first + count)):
        first += count
    return first


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield int(sock.getsockname()[1])


def line_of(process: "subprocess.Popen[str]", text: str) -> str:
    """The first line of its stdout that has this text."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"{text!r} was never said; stderr: {process.communicate()[1]}")


def said(process: "subprocess.Popen[str]") -> Any:
    """The JSON that it says on stdout once it is ready."""
    return json.loads(line_of(process, "{"))


def is_refused(done: Done, *words: str) -> None:
    """Exit code 2, and one message with these words."""
    assert done.code == 2, done
    for word in words:
        assert word in done.err, (word, done.err)
    assert "Traceback" not in done.err
    assert done.out == ""


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])
