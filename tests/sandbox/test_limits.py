"""What a program may use is bounded, and the bounds hold for the whole tree of its processes."""

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.users import OFFERS, every_backend, every_user, outcome

MIB = 1 << 20


def played(who: str, folder: Path, backend: str, act: str, **limits: Any) -> dict[str, Any]:
    command = [str(folder / "hostile"), act]
    return outcome(who, folder, backend=backend, command=command, limits=limits, within=20.0)


def figure(found: dict[str, Any], word: str) -> int:
    (line,) = [line for line in found["said"] if line.startswith(word)]
    return int(line.split()[1])


@every_user
@every_backend
def test_processes(backend: str, who: str, folder: Path) -> None:
    found = played(who, folder, backend, "bomb", processes=30)
    assert 10 < figure(found, "children") <= 30


@every_user
@every_backend
def test_memory_of_one_process(backend: str, who: str, folder: Path) -> None:
    found = played(who, folder, backend, "memory", memory=64 * MIB)
    assert figure(found, "megabytes") <= 64


@every_backend
def test_memory_that_counts_for_no_process_is_not_there(backend: str, folder: Path) -> None:
    found = played("ordinary", folder, backend, "shared-memory", memory=64 * MIB)
    assert figure(found, "megabytes") == 0


@every_backend
def test_memory_of_those_that_look_dead(backend: str, folder: Path) -> None:
    words = ["headless", "stay=1", "times=2", "megabytes=40", f"name={folder.name[-12:]}"]
    command = [str(folder / "hostile"), *words]
    asked = {"backend": backend, "command": command, "limits": {"memory": 64 * MIB}}
    found = outcome("ordinary", folder, **asked, within=20.0)
    assert found["code"] == 128 + 9
    assert "sandbox: ended: it held more than 67108864 bytes of memory" in found["said"]


@every_user
@every_backend
def test_files(backend: str, who: str, folder: Path) -> None:
    """A small disk of its own, or where there can be none, the end when it has written too much."""
    found = played(who, folder, backend, "disk", scratch=16 * MIB)
    if found["code"] == 0:
        assert figure(found, "full") <= 16
    else:
        assert (backend, who) == ("landlock", "ordinary")
        assert found["code"] == 128 + 9
        assert "sandbox: ended: it wrote more than 16777216 bytes of files" in found["said"]


@pytest.mark.skipif(bool(OFFERS["landlock"]), reason=f"landlock: {OFFERS['landlock']}")
def test_files_that_cannot_be_counted(folder: Path) -> None:
    found = played("ordinary", folder, "landlock", "closed-folder")
    assert found["code"] == 128 + 9
    said = "sandbox: ended: it made a folder whose files cannot be counted"
    assert found["said"] == ["closed", said]


@every_backend
def test_a_file_and_the_number_of_open_ones(backend: str, folder: Path) -> None:
    found = played("ordinary", folder, backend, "large-file", file_size=5 * MIB)
    assert figure(found, "megabytes") == 5
    found = played("ordinary", folder, backend, "open-files", open_files=50)
    assert 40 < figure(found, "files") < 50


@every_backend
def test_processor_time(backend: str, folder: Path) -> None:
    found = played("ordinary", folder, backend, "burn", cpu=1)
    assert found["code"] in {128 + 9, 128 + 24}  # SIGKILL, as both limits are the same; or SIGXCPU
