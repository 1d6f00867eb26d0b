"""System calls that Python has no function for: the C library has, or takes the number."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # the same on every architecture, as all calls since 2019
CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18


def call(number: int, *words: object) -> int:
    """System call ``number`` with integers, or pointers as ctypes has them; OSError if it fails."""
    given = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
    return checked(libc.syscall(ctypes.c_long(number), *given))


def checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def prctl(option: int, value: int) -> None:
    zeros = [ctypes.c_ulong(0)] * 3
    checked(libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *zeros))


def die_with(parent: int, number: int) -> None:
    """Get this signal when the parent dies; at once, if it is dead already."""
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def bind_mount(source: str, target: str) -> None:
    checked(libc.mount(source.encode(), target.encode(), None, MS_BIND | MS_REC, None))


def mount_tmpfs(target: str, options: str) -> None:
    flags = MS_NOSUID | MS_NODEV
    checked(libc.mount(b"tmpfs", target.encode(), b"tmpfs", flags, options.encode()))


def own_mounts() -> None:
    """From here on, what we mount is seen by nobody else, and gone when we are."""
    checked(libc.unshare(CLONE_NEWNS))
    checked(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
