"""Landlock and seccomp: no privileges and no other program, but a kernel of 2024 or newer."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from typing import Any

NAME = "landlock"
STOPS = (
    "files, network, signals and everything else that is refused by the kernel's Landlock and"
    " seccomp; the program sees other processes' numbers and the names of files it guesses"
)
STARTS = 1
SPARE = 0
DEVICES = ("/dev/null", "/dev/random", "/dev/urandom")  # /dev/zero is shared memory


def problem() -> str | None:
    """Why it cannot be used here; None if it can."""
    if sys.platform != "linux":
        return "it is a part of Linux"
    from sandbox.linux import calls, rights  # noqa: PLC0415 (there is none elsewhere)

    if calls.architecture() is None:
        return f"the table of system calls has no column for {os.uname().machine}"
    if (version := rights.version()) < rights.SCOPES_SINCE:
        have = f"has version {version} of Landlock" if version else "has no Landlock"
        return f"this kernel {have}; it takes version {rights.SCOPES_SINCE} (Linux 6.12)"
    return None


def enter(plan: dict[str, Any], scratch: str) -> None:
    """Confine ourselves and become the program, or go on as ourselves if there is no command."""
    from sandbox.linux import filters, rights  # noqa: PLC0415

    rights.only_files(
        [
            *((path, rights.READ) for path in plan["readable"]),
            *((path, rights.READ_FILE | rights.WRITE_FILE) for path in DEVICES),
            (scratch, rights.WRITE),
        ]
    )
    filters.install(filters.refusing())
    if plan["command"]:
        os.execve(plan["command"][0], plan["command"], plan["environment"])
