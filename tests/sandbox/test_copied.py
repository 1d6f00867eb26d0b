"""What is hashed is what is run, whatever becomes of the file meanwhile."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import Policy
from sandbox.warden import copied

RIGHT, OTHER = b"#!/bin/sh\necho right\n", b"#!/bin/sh\necho other\n"


def exchange(program: Path) -> None:
    other = program.with_suffix(".new")
    other.write_bytes(OTHER)
    other.chmod(0o755)
    other.rename(program)


def write_over(program: Path) -> None:
    program.write_bytes(OTHER)


def planned(folder: Path) -> tuple[Path, dict[str, Any]]:
    program = folder / "program"
    program.write_bytes(RIGHT)
    program.chmod(0o755)
    policy = Policy([str(program), "word"], sha256=hashlib.sha256(RIGHT).hexdigest())
    return program, policy.plan("landlock") | {"temporary": str(folder)}


@pytest.mark.parametrize("change", [exchange, write_over])
def test_changed_after_it_was_looked_at(tmp_path: Path, change: Callable[[Path], None]) -> None:
    program, plan = planned(tmp_path)
    assert copied.program(plan, None) is None
    change(program)
    assert plan["command"] == ["/bin/sh", plan["program"], "word"]
    assert subprocess.check_output(plan["command"]) == b"right\n"
    assert plan["program"] in plan["readable"]


@pytest.mark.parametrize("change", [exchange, write_over])
def test_changed_before_it_was_looked_at(tmp_path: Path, change: Callable[[Path], None]) -> None:
    program, plan = planned(tmp_path)
    change(program)
    found = hashlib.sha256(OTHER).hexdigest()
    assert copied.program(plan, None) == f"not run: SHA-256 of {program} is {found}"


def test_the_interpreter_is_that_of_the_right_file(tmp_path: Path) -> None:
    """When it was looked for, another file was there."""
    program, plan = planned(tmp_path)
    plan["first_line"] = b"#!/bin/false\n"
    assert copied.program(plan, None) == f"not run: {program} was another file before"
