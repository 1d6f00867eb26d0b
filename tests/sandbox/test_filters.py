"""The filters name the calls that they mean, on each architecture, and are valid programs."""

import re
import struct
import sys
from pathlib import Path

import pytest

from sandbox.linux import calls

if sys.platform != "linux":
    pytest.skip("for Linux", allow_module_level=True)

from sandbox.linux import filters

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_are_those_of_the_kernel(machine: str) -> None:
    header = next((Path(path) for path in HEADERS[machine] if Path(path).exists()), None)
    if header is None:
        pytest.skip("no headers of the kernel here: apt-get install linux-libc-dev")
    text = header.read_text(encoding="utf-8")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
    numbers = {name: int(number) for name, number in found}
    column, _ = calls.ARCHITECTURES[machine]
    for name in calls.CALLS:
        assert calls.number(name, column) == numbers.get(name), name


@pytest.mark.parametrize("machine", HEADERS)
def test_every_jump_lands_and_every_way_ends(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = calls.ARCHITECTURES[machine]
    monkeypatch.setattr(calls, "architecture", lambda: found)
    for program in (filters.refusing(), filters.asking()):
        steps = list(struct.iter_unpack("HBBI", program))
        assert len(steps) < 4096  # the most that the kernel takes
        assert steps[-1][0] == filters.RETURN
        for place, (code, true, false, _) in enumerate(steps):
            if code in {filters.JUMP_IF_EQUAL, filters.JUMP_IF_ABOVE}:
                assert place + 1 + max(true, false) < len(steps)


def answer(program: bytes, audit: int, number: int, *words: int) -> int:
    """What the filter says to a call: the packet filter's machine, in so far as we use it."""
    data = struct.pack("<iIQ6Q", number, audit, 0, *(*words, 0, 0, 0, 0, 0, 0)[:6])
    steps = list(struct.iter_unpack("HBBI", program))
    place = held = 0
    while True:
        code, true, false, value = steps[place]
        place += 1
        if code == filters.LOAD:
            (held,) = struct.unpack_from("<I", data, value)
        elif code == filters.AND:
            held &= value
        elif code == filters.RETURN:
            return int(value)
        else:
            holds = held == value if code == filters.JUMP_IF_EQUAL else held > value
            place += true if holds else false


@pytest.mark.parametrize("machine", HEADERS)
def test_what_it_says_on_either_architecture(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    column, audit = found = calls.ARCHITECTURES[machine]
    monkeypatch.setattr(calls, "architecture", lambda: found)
    program = filters.refusing()

    def allowed(name: str, *words: int) -> bool:
        number = calls.number(name, column)
        assert number is not None
        return answer(program, audit, number, *words) == filters.ALLOW

    assert allowed("socket", filters.INET, filters.STREAM | 0x80000, 0)
    assert allowed("socket", filters.INET6, filters.STREAM, filters.TCP)
    assert not allowed("socket", filters.INET, filters.STREAM, 262)  # MPTCP
    assert not allowed("socket", filters.INET, 2, 0)
    assert not allowed("socket", filters.UNIX, filters.STREAM, 0)
    assert allowed("socketpair", filters.UNIX, filters.STREAM)
    assert not allowed("socketpair", filters.UNIX, 2)
    assert not allowed("connect")
    assert allowed("sendto", 3, 0, 0, 0x4000)
    assert not allowed("sendto", 3, 0, 0, filters.FAST_OPEN | 0x4000)
    assert allowed("clone", 0x3D0F00)
    assert not allowed("clone", 0x10000000 | 17)
    assert allowed("prlimit64", 0, 7)
    assert not allowed("prlimit64", 0, filters.CORE)
    assert allowed("setrlimit", 7)
    assert not allowed("setrlimit", filters.CORE)
    assert not allowed("prlimit64", 1234, 7)
    assert not allowed("setpriority", 2, 0)  # all of a user's
    assert allowed("fcntl", 3, 4)
    assert not any(allowed("fcntl", 3, word) for word in (8, 10, 15, 1024, 1026))
    assert answer(program, audit, calls.NEWEST + 1) == filters.ERRNO | 38
    other = {"x86_64": 0x40000003, "aarch64": 0x40000028}[machine]  # 32-bit programs
    assert answer(program, other, 0) == filters.KILL
    asking = filters.asking()
    for name in filters.ASKED:
        assert answer(asking, audit, calls.number(name, column) or 0) == filters.ASK
    assert answer(asking, audit, 0) == filters.ALLOW
