"""A look at a program before it runs: what it is, what it could do, what it says in plain text."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import formats

SHORTEST = 6  # characters of a string
MOST_STRINGS = 20  # of each kind
LARGEST = 512 << 20  # bytes that are searched for strings
WORTH_A_LOOK = {
    "connects": {"connect", "getaddrinfo", "gethostbyname", "sendto", "res_query", "connectx"},
    "downloads": {"curl_easy_perform", "SSL_connect", "CFNetworkCopySystemProxySettings"},
    "starts programs": {"system", "popen", "posix_spawn", "execve", "execv", "execvp", "fork"},
    "loads code": {"dlopen", "mprotect", "memfd_create", "fexecve"},
    "looks into processes": {"ptrace", "process_vm_readv", "task_for_pid", "kill"},
    "changes users": {"setuid", "setgid", "setreuid", "seteuid"},
}
LONGEST = 1024  # characters of a piece of text that is searched at once
# Each takes what it looked at, or starts where a word does: no text takes long.
STRINGS = {
    "addresses": rb"https?://[^\s\"'<>]{4,200}|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b"
    rb"|(?<![a-z0-9.-])(?:[a-z0-9-]{1,63}\.){1,8}(?:com|net|org|io|dev|onion|xyz)\b",
    "paths": rb"(?:~|/(?:home|Users|root|etc|var|tmp|proc|private|Library))/[\w./-]{2,200}",
    "secrets": rb"(?i)(?<![\w.-])(?=[\w.-]*(?:passw|secret|token|api_?key|private[\w.-]?key|\.ssh"
    rb"|\.aws|keychain))[\w.-]+",
}


@dataclass(frozen=True)
class Inspection:
    """What was seen; nothing of it was run."""

    path: str
    format: str
    size: int
    sha256: str
    architectures: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    imports: dict[str, list[str]] = field(default_factory=dict)  # those worth a look, by what for
    strings: dict[str, list[str]] = field(default_factory=dict)  # by what they look like
    signature: str | None = None
    quarantine: str | None = None
    remarks: tuple[str, ...] = ()


def inspect(path: Path) -> Inspection:
    """Look at the file.  OSError if it cannot be read."""
    digest, strings = _searched(path)
    headers = formats.read(path)
    remarks = list(headers.remarks)
    if headers.format.startswith("ELF") and not headers.libraries and not remarks:
        remarks.append("linked statically: what it calls cannot be seen from outside")
    if not os.access(path, os.X_OK):
        remarks.append("not marked as a program that can be run")
    wanted = {what: sorted(names & set(headers.imports)) for what, names in WORTH_A_LOOK.items()}
    return Inspection(
        path=str(path),
        format=headers.format,
        size=path.stat().st_size,
        sha256=digest,
        architectures=headers.architectures,
        libraries=headers.libraries,
        imports={what: names for what, names in wanted.items() if names},
        strings=strings,
        signature=_signature(path, headers.signed),
        quarantine=_quarantine(path),
        remarks=tuple(remarks),
    )


def _searched(path: Path) -> tuple[str, dict[str, list[str]]]:
    """Its SHA-256, and the strings in it, in one reading."""
    digest = hashlib.sha256()
    found: dict[str, dict[str, None]] = {kind: {} for kind in STRINGS}
    printable = re.compile(rb"[\x20-\x7e]{%d,%d}" % (SHORTEST, LONGEST))
    read, rest = 0, b""
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
            read += len(part)
            if read <= LARGEST:
                for text in printable.findall(rest + part):
                    _sort_in(text, found)
                rest = part[-256:]
    return digest.hexdigest(), {kind: list(texts) for kind, texts in found.items() if texts}


def _sort_in(text: bytes, found: dict[str, dict[str, None]]) -> None:
    for kind, pattern in STRINGS.items():
        for match in re.finditer(pattern, text):
            if len(found[kind]) < MOST_STRINGS:
                found[kind][match.group()[:100].decode()] = None


def _signature(path: Path, signed: bool | None) -> str | None:
    if signed is None:
        return None
    if sys.platform != "darwin":
        return "there is one; only macOS can tell whether it holds" if signed else "none"
    told = subprocess.run(
        ["/usr/bin/codesign", "--verify", "--verbose", path], check=False, capture_output=True
    )
    return told.stderr.decode(errors="replace").strip() or "it holds"


def _quarantine(path: Path) -> str | None:
    if sys.platform != "darwin":
        return None
    told = subprocess.run(
        ["/usr/bin/xattr", "-p", "com.apple.quarantine", path], check=False, capture_output=True
    )
    return told.stdout.decode(errors="replace").strip() or None
