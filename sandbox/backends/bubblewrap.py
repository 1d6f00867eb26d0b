"""Bubblewrap: namespaces of its own, so that the program sees no other files and processes at all.

The network is the machine's, for the ports to be where everybody expects them; what may be done
with it is for seccomp and Landlock to say, as in ``landlock.py``.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from typing import Any

NAME = "bubblewrap"
STOPS = (
    "all that landlock stops; and other processes and files are not even there, the scratch folder"
    " is memory of a fixed size, and the end of its first process ends all"
)
STARTS = 2  # bwrap, and by it the program
SPARE = 2  # processes of its own
DEVICES = ("/dev/null", "/dev/random", "/dev/urandom")  # /dev/zero is shared memory
PLACES = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")
ALONE = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
)


def problem() -> str | None:
    """Why it cannot be used here; None if it can."""
    if sys.platform != "linux":
        return "it is for Linux"
    from sandbox.linux import calls  # noqa: PLC0415 (there is none elsewhere)

    if calls.architecture() is None:
        return f"the table of system calls has no column for {os.uname().machine}"
    program = _program()
    if program is None:
        return "bwrap is not installed: apt-get install bubblewrap, or your system's way"
    said = _tried(program)
    return None if said is None else f"bwrap does not work here: {said}"


def enter(plan: dict[str, Any], scratch: str) -> None:
    """Become bwrap, which confines itself further and becomes the program."""
    from sandbox.linux import filters, rights  # noqa: PLC0415

    if rights.version() >= rights.SCOPES_SINCE:
        rights.no_network_or_signals()
    reader, writer = os.pipe()
    os.write(writer, filters.refusing())
    os.close(writer)
    os.set_inheritable(reader, True)
    program = _program()
    assert program is not None  # otherwise there would be a problem
    words = [program, *ALONE, *_files(plan, scratch), "--seccomp", str(reader), "--"]
    os.execve(program, [*words, *plan["command"]], plan["environment"])


def _files(plan: dict[str, Any], scratch: str) -> list[str]:
    """The whole of what is there.  The root is memory, too, and closed when all is in place.

    What lies above may be passed through and not listed: nobody's home is seen from its inside.
    """
    there = [path for path in plan["readable"] if os.path.exists(path)]
    words = []
    for folder in _above([*there, *DEVICES, scratch]):
        words += ["--perms", "0111", "--dir", folder]
    for path in there:
        words += ["--ro-bind", path, path]
    for path in DEVICES:
        words += ["--dev-bind-try", path, path]
    words += ["--size", str(plan["limits"]["scratch"]), "--tmpfs", scratch]
    return [*words, "--remount-ro", "/", "--chdir", scratch]


def _above(paths: list[str]) -> list[str]:
    """Every folder on the way to these, the upper ones first."""
    found = set()
    for path in paths:
        while (path := os.path.dirname(path)) != "/":
            found.add(path)
    return sorted(found)


def _program() -> str | None:
    return next((path for path in PLACES if os.access(path, os.X_OK)), None)


def _tried(program: str) -> str | None:
    """Whether it can do what we ask of it; if not, what it says.  Not as root, as always."""
    import subprocess  # noqa: PLC0415 (the warden does not try, and has no time for it)

    from sandbox.linux import root  # noqa: PLC0415

    words = [*ALONE, "--ro-bind", "/", "/", "--size", "4096", "--tmpfs", "/tmp", "/bin/true"]
    user = root.some_user() if os.getuid() == 0 else None
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            timeout=10.0,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip()
    return None if done.returncode == 0 else said.removeprefix("bwrap: ") or "it fails"
