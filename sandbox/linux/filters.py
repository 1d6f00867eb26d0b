"""Two seccomp filters, as programs of the kernel's packet filter.

``asking`` hands a few calls to the warden, who carries them out or refuses (``broker.py``).
``refusing`` answers whatever reaches beyond the sandbox with an error: a list of what is refused,
as the files and ports are fenced by other means; but what is newer than this list is refused, too.

A rule sees numbers only, never what a pointer points to.  Libraries' own filters need libseccomp on
the machine; two dozen lines of assembly do not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from sandbox.linux import calls, kernel

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from collections.abc import Iterable

LOAD, AND, JUMP_IF_EQUAL, JUMP_IF_ABOVE, RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
KILL, ERRNO, ASK, ALLOW = 0x80000000, 0x00050000, 0x7FC00000, 0x7FFF0000
SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, NEW_LISTENER = 1, 8

NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET
FAST_OPEN = 0x20000000  # sends data to a new peer without connect()
INET, INET6, UNIX, STREAM, TCP = 2, 10, 1, 1, 6
SHARED_ANONYMOUS = 0x21  # memory that counts for nobody once it is out of the page tables
NAMELESS = 0x400000  # O_TMPFILE: a file that no look at a folder finds
CORE = 4  # RLIMIT_CORE
ALL_BITS = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, value


class Check:
    """An argument of a call, under a mask, must be one of these (or, ``never``, none of these)."""

    def __init__(
        self, argument: int, values: tuple[int, ...], *, mask: int = ALL_BITS, never: bool = False
    ) -> None:
        self.argument = argument
        self.values = values
        self.mask = mask
        self.never = never


SELF = (0,)  # as a process id: whoever asks
_FOR_SELF = (Check(0, SELF),)
_FOR_OWN_PROCESS = (Check(1, SELF),)
RULES: dict[str, tuple[Check, ...]] = {
    "mmap": (Check(3, (SHARED_ANONYMOUS,), mask=SHARED_ANONYMOUS, never=True),),
    "open": (Check(1, (0,), mask=NAMELESS),),
    "openat": (Check(2, (0,), mask=NAMELESS),),
    "socket": (
        Check(0, (INET, INET6)),
        Check(1, (STREAM,), mask=0xF),
        Check(2, (0, TCP)),  # MPTCP would pass by all that is said of TCP
    ),
    # A datagram socket of a pair could still send to any name.
    "socketpair": (Check(0, (UNIX,)), Check(1, (STREAM,), mask=0xF)),
    "sendto": (Check(3, (0,), mask=FAST_OPEN),),
    "sendmsg": (Check(2, (0,), mask=FAST_OPEN),),
    "sendmmsg": (Check(3, (0,), mask=FAST_OPEN),),
    "clone": (Check(0, (0,), mask=NEW_NAMESPACES),),
    # Nothing else hinders a program from limiting or slowing down another one of its user.
    # The size of a core file keeps a system's crash handler, which is root, from looking at us.
    "prlimit64": (*_FOR_SELF, Check(1, (CORE,), never=True)),
    "setrlimit": (Check(0, (CORE,), never=True),),
    "sched_setaffinity": _FOR_SELF,
    "sched_setscheduler": _FOR_SELF,
    "sched_setparam": _FOR_SELF,
    "sched_setattr": _FOR_SELF,
    "move_pages": _FOR_SELF,
    "migrate_pages": _FOR_SELF,
    "setpriority": (Check(0, (0,)), *_FOR_OWN_PROCESS),
    "ioprio_set": (Check(0, (1,)), *_FOR_OWN_PROCESS),
    # F_SETOWN, F_SETSIG, F_SETOWN_EX; F_SETLEASE, which makes others wait; F_NOTIFY
    "fcntl": (Check(1, (8, 10, 15, 1024, 1026), never=True),),
    "ioctl": (Check(1, (0x8901, 0x8902, 0x5412, 0x541C), never=True),),  # SETOWN, PGRP, TIOCSTI
}
MISSING = (  # programs get by without these; and memory is counted where processes hold it
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3"),
    *("memfd_create", "memfd_secret", "openat2"),
)
UNSUPPORTED = ("open", "openat")  # as of a file system that has no nameless files
ASKED = ("execve", "execveat", "bind", "listen", "socketpair")


def refusing() -> bytes:
    """The filter that refuses, for this machine."""
    column, _ = _architecture()
    program = _opening()
    for name in calls.CALLS:
        number = calls.number(name, column)
        if number is None or (name in ASKED and name not in RULES):
            continue
        program += _rule(number, RULES.get(name), _code(name))
    return _assembled([*program, _return(ALLOW)])


def _code(name: str) -> int:
    if name in MISSING:
        return errno.ENOSYS
    return errno.EOPNOTSUPP if name in UNSUPPORTED else errno.EPERM


def asking() -> bytes:
    """The filter that asks the warden."""
    column, _ = _architecture()
    program = _opening()
    for name in ASKED:
        program += _when(calls.number(name, column), [_return(ASK)])
    return _assembled([*program, _return(ALLOW)])


def install(program: bytes, *, listening: bool = False) -> int:
    """Put a filter over ourselves, for ever; the descriptor of its questions if ``listening``."""
    code = ctypes.create_string_buffer(program, len(program))
    address = ctypes.addressof(code)
    described = struct.pack("HxxxxxxQ", len(program) // 8, address)
    flags = NEW_LISTENER if listening else 0
    number = SECCOMP[os.uname().machine]
    return kernel.call(number, SET_MODE_FILTER, flags, ctypes.c_char_p(described))


def _architecture() -> tuple[int, int]:
    found = calls.architecture()
    assert found is not None  # the backends have looked
    return found


def _opening() -> list[Instruction]:
    """Another architecture's numbers are a way round; so are those of x32."""
    return [
        (LOAD, 0, 0, 4),
        (JUMP_IF_EQUAL, 1, 0, _architecture()[1]),
        _return(KILL),
        (LOAD, 0, 0, 0),
        (JUMP_IF_ABOVE, 0, 1, calls.NEWEST),
        _return(ERRNO | errno.ENOSYS),
    ]


def _rule(number: int, checks: Iterable[Check] | None, code: int) -> list[Instruction]:
    refusal = _return(ERRNO | code)
    if checks is None:
        return _when(number, [refusal])
    block = [step for check in checks for step in _check(check, refusal)]
    return _when(number, [*block, _return(ALLOW)])


def _check(check: Check, refusal: Instruction) -> list[Instruction]:
    steps: list[Instruction] = [(LOAD, 0, 0, 16 + 8 * check.argument)]
    if check.mask != ALL_BITS:
        steps.append((AND, 0, 0, check.mask))
    if check.never:
        last = len(check.values) - 1
        for place, value in enumerate(check.values):
            steps.append((JUMP_IF_EQUAL, last - place, int(place == last), value))
    else:
        for place, value in enumerate(check.values):
            steps.append((JUMP_IF_EQUAL, len(check.values) - place, 0, value))
    return [*steps, refusal]


def _when(number: int | None, block: list[Instruction]) -> list[Instruction]:
    return [] if number is None else [(JUMP_IF_EQUAL, 0, len(block), number), *block]


def _return(what: int) -> Instruction:
    return (RETURN, 0, 0, what)


def _assembled(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *step) for step in program)
