"""Giving up root before anything of the program runs, without locking it out of its own files.

Whoever is root often has programs and virtual environments in folders that nobody else may enter,
such as /root.  In mounts of our own, such a folder is covered by an empty one in which only the
paths of the policy are bound again, at the same places.
"""

import os
import pwd
import stat

from sandbox.linux import kernel

USERS = range(61184, 65520)  # set apart for users that come and go (systemd's DynamicUser)
CAPABILITIES = 64


def some_user() -> int:
    """A user id that nobody has, so that what it may use counts for one sandbox alone."""
    while True:
        user = USERS[int.from_bytes(os.urandom(4), "big") % len(USERS)]
        try:
            pwd.getpwuid(user)
        except KeyError:
            return user


def give_up(user: int) -> None:
    """Be that user, in no group, with nothing of root left, for ever."""
    for capability in range(CAPABILITIES):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
        except OSError:
            break  # the kernel knows no more
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def let_in(paths: list[str]) -> None:
    """Make every path one that all users can reach.  What they may do there, its mode says."""
    closed: dict[str, list[tuple[str, int]]] = {}
    for path in _outermost(paths):
        door = _closed_door(path)
        if door is not None:
            held = os.open(path, os.O_PATH | os.O_CLOEXEC)
            closed.setdefault(door, []).append((path, held))
    for door, behind in closed.items():
        kernel.mount_tmpfs(door, "mode=0755,size=1m")
        for path, held in behind:
            _bind_again(path, held)


def _outermost(paths: list[str]) -> list[str]:
    """The real paths, without those that lie within another, or do not exist."""
    real = sorted({os.path.realpath(path) for path in paths if os.path.exists(path)})
    found: list[str] = []
    for path in real:
        if not found or not path.startswith(found[-1].rstrip("/") + "/"):
            found.append(path)
    return found


def _closed_door(path: str) -> str | None:
    """The first folder on the way that not everybody may enter."""
    at = "/"
    for name in path.strip("/").split("/")[:-1]:
        at = os.path.join(at, name)
        if not os.stat(at).st_mode & stat.S_IXOTH:
            return at
    return None


def _bind_again(path: str, held: int) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    if stat.S_ISDIR(os.fstat(held).st_mode):
        os.mkdir(path, mode=0o755)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.bind_mount(f"/proc/self/fd/{held}", path)
    os.close(held)
