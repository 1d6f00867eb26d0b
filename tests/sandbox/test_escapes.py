"""A hostile program tries to get out, in each backend, as root and as an ordinary user."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.programs import free_range
from tests.sandbox.users import ROOT, as_user, every_backend, every_user, outcome

OPEN_WITHOUT = {
    *("tcp4", "tcp6", "udp", "unix-path", "unix-abstract", "unix-pair"),
    *("bind-other-port", "bind-free-port", "listen-all", "listen-other-address", "listen-unbound"),
    *("read-secret", "read-project", "read-passwd", "list-home", "list-proc", "write-tmp"),
    *("write-home", "write-parent", "chmod", "utime", "truncate", "unlink", "inotify"),
    *("own-environment", "signal", "signal-thread", "signal-owner", "pidfd", "limit", "priority"),
    *("affinity", "shell", "shell-by-loader", "itself-again", "shell-by-copy", "shared-memory"),
    *("anonymous-shared-memory", "zeros-shared-memory", "nameless-file", "socket-pairs"),
    *("crash-handler", "watch-folder", "lease", "sync"),
}


@contextmanager
def victims(folder: Path) -> Iterator[list[str]]:
    """Whom and what to attack: a process, sockets of every kind, files in a home."""
    home = folder / "home"
    (home / "secret").write_text("the secret")
    (home / "doomed").write_text("")
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", "input()"],
                stdin=subprocess.PIPE,
                env={"HOSTILE_SECRET": "1"},
            )
        )
        four = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        facts = {"victim": process.pid, "victim_port": four.getsockname()[1]}
        six = stack.enter_context(socket.socket(socket.AF_INET6))
        six.bind(("::1", 0))
        six.listen()
        facts["victim_port6"] = six.getsockname()[1]
        for name, kind in (("unix", socket.SOCK_STREAM), ("datagram", socket.SOCK_DGRAM)):
            there = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            there.bind(str(folder / name))
            facts[f"victim_{name}"] = folder / name
            if name == "unix":
                there.listen()
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{folder.name}")
        abstract.listen()
        facts |= {
            "victim_abstract": folder.name,
            "secret": home / "secret",
            "doomed": home / "doomed",
            "home": home,
            "project": ROOT / "README.md",
            "launcher": os.getpid(),
        }
        yield [f"{name}={value}" for name, value in facts.items()]
        process.terminate()
        assert process.stdin is not None
        process.stdin.close()


@every_user
@every_backend
def test_nothing_gets_out(backend: str, who: str, folder: Path) -> None:
    port, other = (first := free_range(2)), first + 1
    with victims(folder) as facts:
        words = [*facts, f"port={port}", f"other_port={other}"]
        command = [str(folder / "hostile"), "escape", *words]
        found = outcome(who, folder, backend=backend, command=command, ports=[port])
    assert found.get("code") == 0, found
    said = [line.split() for line in found["said"] if not line.startswith("sandbox: ")]
    assert said.pop() == ["done"]
    assert [name for name, result in said if result != "blocked"] == []
    assert {name for name, _ in said} >= OPEN_WITHOUT
    assert (folder / "home" / "secret").read_text() == "the secret"
    assert (
        f"sandbox: refused: port {other} is not among those that it may listen on" in found["said"]
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the hostile program is for Linux")
def test_without_a_sandbox_the_same_program_gets_out(folder: Path) -> None:
    """Otherwise the test above would say nothing."""
    first = free_range(2)
    with victims(folder) as facts:
        done = subprocess.run(
            [folder / "hostile", "escape", *facts, f"port={first}", f"other_port={first + 1}"],
            check=True,
            capture_output=True,
            text=True,
            cwd=folder / "home",
            env={"HOSTILE_SECRET": "1"},
            preexec_fn=as_user("ordinary", folder),
        )
    found = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" open")}
    # The victim is another user's if we are root, so that some are blocked without any sandbox.
    others = {"signal", "signal-thread", "limit", "priority", "affinity"}
    assert OPEN_WITHOUT - found <= (others if os.getuid() == 0 else set())


@every_backend
def test_the_calls_of_another_architecture_end_it(backend: str, folder: Path) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("takes x86-64")
    program = folder / "old"
    source = 'int main(void) { __asm__("int $0x80" : : "a"(20)); return 0; }'
    subprocess.run(["cc", "-x", "c", "-o", program, "-"], input=source, text=True, check=True)
    found = outcome("ordinary", folder, backend=backend, command=[str(program)])
    assert found["code"] == 128 + 31, found  # SIGSYS
    assert "sandbox: the program was ended by SIGSYS" in found["said"]
