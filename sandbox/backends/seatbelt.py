"""macOS' sandbox-exec with a profile of ours: ``seatbelt.sb`` and what a policy adds to it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from typing import Any

NAME = "seatbelt"
STOPS = (
    "files, outgoing connections, other ports, new processes and other processes, by the profile"
    " seatbelt.sb; memory and processes have no limit of their own"
)
STARTS = 1
SPARE = 0
PROGRAM = "/usr/bin/sandbox-exec"
PROFILE = os.path.join(os.path.dirname(__file__), "seatbelt.sb")


def problem() -> str | None:
    """Why it cannot be used here; None if it can."""
    if sys.platform != "darwin":
        return "it is a part of macOS"
    return None if os.access(PROGRAM, os.X_OK) else f"there is no {PROGRAM}"


def enter(plan: dict[str, Any], scratch: str) -> None:
    """Become sandbox-exec, which confines itself and becomes the program."""
    command = plan["command"]
    given = {"PROGRAM": os.path.realpath(command[0]), "SCRATCH": os.path.realpath(scratch)}
    words = [word for pair in given.items() for word in ("-D", "=".join(pair))]
    profile = written(plan["readable"], plan["ports"])
    words = [PROGRAM, "-p", profile, *words, given["PROGRAM"], *command[1:]]
    os.execve(PROGRAM, words, plan["environment"])


def written(readable: list[str], ports: list[int]) -> str:
    """The whole profile."""
    import json  # noqa: PLC0415 (the warden has no time for it elsewhere)

    with open(PROFILE, encoding="utf-8") as file:
        lines = [file.read(), ";; The policy's."]
    for path in readable:
        for rule in ("file-read*", "file-map-executable"):
            lines.append(f"(allow {rule} (subpath {json.dumps(os.path.realpath(path))}))")
    for port in ports:
        host = f'"localhost:{port or "*"}"'
        lines += [
            f"(allow {rule} (local ip {host}))" for rule in ("network-bind", "network-inbound")
        ]
    return "\n".join(lines) + "\n"
