"""A private copy of a program that must be one certain file.

What is hashed is what is run: whoever may write or exchange the file meanwhile does not reach the
copy, which belongs to nobody but the sandbox's user.
"""

from __future__ import annotations

import hashlib
import os

from sandbox.warden import scratch

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from typing import Any, BinaryIO

LARGEST = 1 << 30  # bytes
PART = 1 << 20


def program(plan: dict[str, Any], user: int | None) -> str | None:
    """Have a copy of the plan's program run in its stead; or why not."""
    path = plan["program"]
    plan["copied"] = scratch.make(plan["temporary"], user)
    copy = os.path.join(plan["copied"], os.path.basename(path))
    try:
        with open(path, "rb") as original, open(copy, "x+b") as ours:
            found = _copy(original, ours)
            ours.seek(0)
            first_line = ours.readline(256)
            os.fchmod(ours.fileno(), 0o500)
            if user is not None:
                os.fchown(ours.fileno(), user, user)
    except OSError as error:
        return f"not run: {path} cannot be copied: {error.strerror}"
    if found != plan["sha256"].lower():
        return f"not run: SHA-256 of {path} is {found}"
    if first_line != plan["first_line"]:
        return f"not run: {path} was another file before"
    plan["command"][plan["command"].index(path)] = plan["program"] = copy
    plan["readable"].append(copy)
    return None


def _copy(original: BinaryIO, ours: BinaryIO) -> str:
    """The SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while part := original.read(PART):
        digest.update(part)
        ours.write(part)
        if ours.tell() > LARGEST:
            raise OSError(0, f"it has more than {LARGEST} bytes")
    return digest.hexdigest()
