"""Landlock: which files, ports and processes the kernel lets a program reach.

https://docs.kernel.org/userspace-api/landlock.html.  It looks at opening, making and removing
files, not at ``stat``, ``chmod`` or ``connect`` to a Unix socket: the filters see to these.
"""

from __future__ import annotations

import os
import stat
import struct

from sandbox.linux import kernel

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_ONLY, BENEATH = 1, 1
SCOPES_SINCE = 6  # version of the interface; Linux 6.12

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM = 16, 32, 128, 256, 4096
REFER, TRUNCATE = 1 << 13, 1 << 14
EVERY_FILE_RIGHT = (1 << 16) - 1
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | REFER
WRITE |= REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM
BIND, CONNECT = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2


def version() -> int:
    """Of the kernel's interface; 0: it has none."""
    try:
        return kernel.call(CREATE, None, 0, VERSION_ONLY)
    except OSError:
        return 0


def no_network_or_signals() -> None:
    """Bind no port, connect to none, signal nobody outside; for ever."""
    _restrict(_ruleset(0))


def only_files(granted: Iterable[tuple[str, int]]) -> None:
    """The same, and of all files only these, with the rights that each has; for ever."""
    ruleset = _ruleset(EVERY_FILE_RIGHT)
    for path, rights in granted:
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # not on this machine, then
        folder = stat.S_ISDIR(os.fstat(beneath).st_mode)
        rule = struct.pack("=Qi", rights if folder else rights & OF_FILES, beneath)
        kernel.call(ADD_RULE, ruleset, BENEATH, rule, 0)
        os.close(beneath)
    _restrict(ruleset)


def _ruleset(files: int) -> int:
    described = struct.pack("QQQ", files, BIND | CONNECT, ABSTRACT_SOCKETS | SIGNALS)
    return kernel.call(CREATE, described, len(described), 0)


def _restrict(ruleset: int) -> None:
    kernel.call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
