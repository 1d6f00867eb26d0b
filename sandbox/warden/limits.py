"""How much the program may use: what the kernel counts for us, and what we have to look at."""

from __future__ import annotations

import os
import resource
import sys

from sandbox.warden import tree

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Limits = dict[str, Any]

BETWEEN_LOOKS = 0.25  # seconds


def impose(limits: Limits, spare: int) -> None:
    """The kernel's limits of ourselves and all that we start, ``spare`` processes of ours apart."""
    _limit(resource.RLIMIT_CORE, 1)  # no file, and nothing for a crash handler, as 0 would be
    for name in ("RLIMIT_RTPRIO", "RLIMIT_NICE"):  # of Linux
        if hasattr(resource, name):
            _limit(getattr(resource, name), 0)
    _limit(resource.RLIMIT_DATA, limits["memory"])
    _limit(resource.RLIMIT_FSIZE, limits["file_size"])
    _limit(resource.RLIMIT_NOFILE, limits["open_files"])
    _limit(resource.RLIMIT_NPROC, limits["processes"] + spare + _threads_of(os.getuid()))
    if limits["cpu"] is not None:
        _limit(resource.RLIMIT_CPU, limits["cpu"])


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))


def _threads_of(user: int) -> int:
    """What runs already: the kernel counts a user's threads, and not those of a program."""
    if sys.platform == "darwin":
        return 0
    threads = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    threads += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue  # gone meanwhile
    return threads


class Look:
    """Memory and scratch folder of the whole tree, looked at now and then."""

    def __init__(self, limits: Limits, scratch: str, tell: Callable[[str], None]) -> None:
        self._limits = limits
        self._scratch = scratch
        self._tell = tell

    def exceeded(self) -> bool:
        if tree.memory(os.getpid()) > self._limits["memory"]:
            self._tell(f"ended: it held more than {self._limits['memory']} bytes of memory")
        elif (size := _size(self._scratch)) is None:
            self._tell("ended: it made a folder whose files cannot be counted")
        elif size > self._limits["scratch"]:
            self._tell(f"ended: it wrote more than {self._limits['scratch']} bytes of files")
        else:
            return False
        return True


def _size(folder: str) -> int | None:
    """Bytes that its files take, at least a block for each; None: something is closed to us."""
    total, waiting = 0, [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += 512 * entry.stat(follow_symlinks=False).st_blocks + 4096
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone meanwhile
        except OSError:
            return None  # as by its mode, or by a path that is too long
    return total
