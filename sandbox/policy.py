"""What a program in the sandbox may do, as data."""

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MIB = 1 << 20
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
LINUX = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/ssl"),
    *("/etc/alternatives", "/etc/localtime"),
)
MACOS = ("/usr/lib", "/usr/share", "/System/Library", "/private/etc/ssl", "/private/etc/localtime")
SYSTEM = MACOS if sys.platform == "darwin" else LINUX  # what programs need to start at all
OF_PYTHON = re.compile(r"pyvenv\.cfg|python3\.\d+t?|libpython3[\d.]*t?\.(so[\d.]*|dylib)")
ANY_PORT = 0  # among the ports: any free one that the system chooses


@dataclass(frozen=True)
class Limits:
    """How much it may use; of the whole tree of processes, where nothing else is said."""

    memory: int = 1024 * MIB  # bytes, also of each process
    processes: int = 128  # threads count
    open_files: int = 4096  # of each process
    cpu: int | None = 3600  # seconds, of each process
    file_size: int = 64 * MIB  # bytes of each file
    scratch: int = 64 * MIB  # bytes of the scratch folder


@dataclass(frozen=True)
class Policy:
    """A program, and all that it may do besides computing.

    It may listen on ``ports`` of 127.0.0.1 (and ::1), read ``readable`` and the libraries of the
    system, write into a scratch folder that is its working folder, HOME and TMPDIR, and is removed
    afterwards, and sees ``environment`` and no other.  Nothing else is ever started in it.
    """

    command: Sequence[str]
    ports: Sequence[int] = ()
    readable: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    sha256: str | None = None  # the program must be this file
    grace: float = 3.0  # seconds from being asked to end to being killed

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("a policy needs a command")
        wrong = [port for port in self.ports if not 0 <= port <= 65535]
        if wrong:
            raise ValueError(f"ports must be in 0-65535, got {wrong[0]}")

    def plan(self, backend: str) -> dict[str, Any]:
        """The policy in plain values, for the warden: it has no time to import ours."""
        program, *words = self.command
        first = _first_line(program)
        command, interpreter = _with_interpreter(os.path.abspath(program), first)
        readable = [*SYSTEM, *interpreter, command[-1], *map(str, self.readable)]
        return {
            "backend": backend,
            "command": [*command, *words],
            "program": command[-1],
            "first_line": first,  # by which its interpreter was found
            "ports": list(self.ports),
            "readable": list(dict.fromkeys(os.path.abspath(path) for path in readable)),
            "environment": CLEAN | dict(self.environment),
            "limits": asdict(self.limits),
            "sha256": self.sha256,
            "grace": self.grace,
            "kept": [],  # open files that the program inherits
            "temporary": os.path.realpath(tempfile.gettempdir()),
        }


def _first_line(program: str) -> bytes:
    try:
        with open(program, "rb") as file:
            return file.readline(256)
    except OSError:
        return b""  # whoever starts it will say why


def _with_interpreter(program: str, first_line: bytes) -> tuple[list[str], list[str]]:
    """How a program is started, and the files of whatever interprets it.

    One thing is started in the sandbox and no other, hence ``#!/usr/bin/env python3`` is looked up
    here.
    """
    first = first_line.decode(errors="replace").split()
    if not first or not first[0].startswith("#!"):
        return [program], _libraries(program)
    words = [first[0].removeprefix("#!"), *first[1:]]
    words = [word for word in words if word]
    if words and os.path.basename(words[0]) == "env":
        words = [_found(words[1]) if len(words) > 1 else "", *words[2:]]
    if not words or not words[0]:
        return [program], []
    return [*words, program], _libraries(words[0])


def _found(name: str) -> str:
    import shutil  # noqa: PLC0415 (seldom)

    return shutil.which(name) or name


def _libraries(program: str) -> list[str]:
    """The program behind all links, and if it is Python, its installation and environment."""
    real = os.path.realpath(program)
    found = [program, real]
    if os.path.basename(real).startswith("python"):
        for path in (program, real):
            home = os.path.dirname(os.path.dirname(path))
            if home not in {"/", "/usr"}:
                found += [home] if _is_ours(home) else _of_python(home)
    return found


def _is_ours(home: str) -> bool:
    return os.path.realpath(home) in {
        os.path.realpath(sys.prefix),
        os.path.realpath(sys.base_prefix),
    }


def _of_python(home: str) -> list[str]:
    """Only what Python has there.  The folder may be anybody's, even a user's home."""
    found = []
    for folder in (home, os.path.join(home, "lib"), os.path.join(home, "lib64")):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue  # there is none
        found += [os.path.join(folder, name) for name in names if OF_PYTHON.fullmatch(name)]
    return found
