"""Ready, ended, refused: told.  And whoever is killed, nothing is left running."""

import errno
import hashlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sandbox.warden import tree
from tests.programs import free_range, is_free, mentioning, nobody_left
from tests.sandbox.users import ROOT_ONLY, Launched, every_backend, every_user, launched, outcome


def hiding(folder: Path, stay: int) -> list[str]:
    return [str(folder / "hostile"), "survive", f"stay={stay}"]


@every_user
@every_backend
def test_a_server_is_reached_on_its_port_and_nowhere_else(
    backend: str, who: str, folder: Path
) -> None:
    """It asks for 0.0.0.0 and gets 127.0.0.1."""
    port = free_range(1)
    asked = {"backend": backend, "command": [str(folder / "hostile"), "serve", f"port={port}"]}
    with launched(who, folder, **asked, ports=[port], ready=20.0, until="told") as started:
        assert started.hear() == {"ready": True}
        with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
            assert connection.recv(5) == b"hello"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5.0)
        started.tell("stop")
        assert started.hear()["code"] == 128 + signal.SIGTERM
    nobody_left(str(folder))
    assert is_free(port)


@every_user
@every_backend
def test_orphans_do_not_outlive_the_program(backend: str, who: str, folder: Path) -> None:
    found = outcome(who, folder, backend=backend, command=hiding(folder, 0))
    assert found["code"] == 0
    assert found["said"] == ["hidden"]
    assert not programs(folder)


@every_user
@every_backend
def test_one_that_looks_dead_does_not_outlive_the_program(
    backend: str, who: str, folder: Path
) -> None:
    """Its first thread has ended, and the others have not."""
    name = folder.name[-12:]
    words = ["headless", "stay=1", "times=1", "megabytes=1", f"name={name}"]
    asked = {"backend": backend, "command": [str(folder / "hostile"), *words], "until": "told"}
    with launched(who, folder, **asked) as started:
        wait_for(lambda: any(threads > 1 for threads in threads_named(name)))
        started.tell("stop")
        assert "code" in started.hear()
        assert not threads_named(name)


def the_launcher(started: Launched) -> int:
    return started.process.pid


def the_warden(started: Launched) -> int:
    return started.warden


def the_inner_warden(started: Launched) -> int:
    (inner,) = [pid for pid, parent in parents().items() if parent == started.warden]
    return inner


@pytest.mark.parametrize("killed", [the_launcher, the_warden, the_inner_warden])
@every_user
@every_backend
def test_nothing_is_left_when_one_is_killed(
    backend: str, who: str, killed: Callable[[Launched], int], folder: Path
) -> None:
    asked = {"backend": backend, "command": hiding(folder, 1), "until": "told"}
    with launched(who, folder, **asked) as started:
        wait_for(lambda: len(programs(folder)) >= 2)
        time.sleep(0.2)  # until it has hidden
        os.kill(killed(started), signal.SIGKILL)
        nobody = time.monotonic() + 10
        while programs(folder) and time.monotonic() < nobody:
            time.sleep(0.05)
        assert not programs(folder)
        wait_for(lambda: not list(folder.glob("sandbox-*")))


@every_backend
def test_what_breeds_all_the_time_is_ended(backend: str, folder: Path) -> None:
    asked = {"backend": backend, "command": [str(folder / "hostile"), "breed"], "until": "told"}
    with launched("ordinary", folder, **asked, limits={"processes": 20}) as started:
        wait_for(lambda: len(programs(folder)) >= 2)
        started.tell("stop")
        assert "code" in started.hear()
        assert not programs(folder)


@every_backend
def test_how_it_ended_is_told_with_its_last_lines(backend: str, folder: Path) -> None:
    command = [str(folder / "hostile"), "serve", "port=1"]
    asked = {"backend": backend, "command": command, "ports": [free_range(1)], "ready": 20.0}
    error = outcome("ordinary", folder, **asked)["error"]
    assert re.match(r"it ended \(exit code 1\); the last lines it printed:\n", error)
    assert "  sandbox: refused: port 1 is not among those that it may listen on" in error


@pytest.mark.slow
@every_backend
def test_one_that_never_listens_is_not_waited_for_for_ever(backend: str, folder: Path) -> None:
    asked = {"backend": backend, "command": hiding(folder, 1)}
    port = free_range(1)
    error = outcome("ordinary", folder, **asked, ports=[port], ready=1.0)["error"]
    assert f"port {port} did not answer after 1 s" in error
    assert not programs(folder)


@every_backend
def test_the_scratch_folder_is_its_home_and_gone_afterwards(backend: str, folder: Path) -> None:
    command = ["/bin/sh", "-c", "pwd; echo $HOME $TMPDIR $SECRET; : > b; set"]
    found = outcome("ordinary", folder, backend=backend, command=command, environment={"OWN": "1"})
    scratch, homes, *variables = found["said"]
    assert homes.split() == [scratch, scratch]
    assert "OWN='1'" in variables or "OWN=1" in variables
    assert not any(line.startswith("HOSTILE_SECRET") for line in variables)
    assert not Path(scratch).exists()


@every_user
@every_backend
@pytest.mark.parametrize(("name", "times"), [("a", 1500), ("a" * 200, 40)])
def test_no_depth_of_folders_is_left_behind(
    backend: str, who: str, folder: Path, name: str, times: int
) -> None:
    command = [str(folder / "hostile"), "nest", f"name={name}", f"times={times}"]
    found = outcome(who, folder, backend=backend, command=command)
    assert found["code"] in {0, 128 + 9}
    assert not list(folder.glob("sandbox-*"))


@every_backend
def test_an_address_that_is_none_is_refused(backend: str, folder: Path) -> None:
    command = [str(folder / "hostile"), "wild-address"]
    found = outcome("ordinary", folder, backend=backend, command=command)
    assert (found["code"], found["said"]) == (0, [f"bind {errno.EFAULT}"])


@every_user
@every_backend
def test_only_the_file_that_was_meant_is_run(backend: str, who: str, folder: Path) -> None:
    program = folder / "hostile"
    right = hashlib.sha256(program.read_bytes()).hexdigest()
    asked = {"backend": backend, "command": [str(program), "exit42"]}
    assert outcome(who, folder, **asked, sha256=right)["code"] == 42
    error = outcome(who, folder, **asked, sha256="0" * 64)["error"]
    assert "nothing was run" in error
    assert f"SHA-256 of {program} is {right}" in error
    assert not list(folder.glob("sandbox-*"))


@ROOT_ONLY
@every_backend
def test_a_program_in_a_folder_that_only_root_may_enter(backend: str, folder: Path) -> None:
    folder.chmod(0o700)
    found = outcome("root", folder, backend=backend, command=[str(folder / "hostile"), "exit42"])
    assert found["code"] == 42, found


@every_backend
def test_what_cannot_be_run_is_said(backend: str, folder: Path) -> None:
    broken = folder / "broken"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    found = outcome("ordinary", folder, backend=backend, command=[str(broken)])
    assert found.get("code") != 0
    assert any(str(broken) in line or "ormat" in line for line in found["said"]), found


def programs(folder: Path) -> dict[int, str]:
    """Hostile processes, under whatever user."""
    marker = str(folder / "hostile") + " "
    return {pid: line for pid, line in mentioning(marker).items() if line.startswith(marker)}


def parents() -> dict[int, int]:
    found: dict[int, Any] = {int(p.name): tree.parent_and_state(p.name) for p in proc()}
    return {pid: each[0] for pid, each in found.items() if each is not None}


def threads_named(name: str) -> list[int]:
    """How many threads each process of that name still has."""
    found = []
    for process in proc():
        with suppress(OSError):  # gone meanwhile
            stat = (process / "stat").read_text(errors="replace")
            if f"({name})" in stat:
                found.append(int(stat.rpartition(")")[2].split()[17]))
    return found


def proc() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*"))


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
