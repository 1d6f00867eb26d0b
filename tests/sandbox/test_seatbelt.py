"""The macOS profile: as text everywhere, and at work where there is macOS."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sexpdata

from sandbox import Policy, available, launch
from sandbox.backends import seatbelt
from tests.programs import free_range
from tests.sandbox.users import ROOT

SNAPSHOT = Path(__file__).parent / "seatbelt_snapshot.sb"


@pytest.fixture
def profile() -> str:
    return seatbelt.written(["/opt/server", '/odd "name"'], [4000, 4001])


def forms(profile: str) -> list[list[Any]]:
    """Every form of the profile, as the parser of another Lisp reads it."""
    return [plain(form) for form in sexpdata.parse(profile)]


def plain(form: Any) -> Any:
    if isinstance(form, list):
        return [plain(each) for each in form]
    return form.value() if isinstance(form, sexpdata.Symbol) else form


def within(form: list[Any]) -> Iterator[Any]:
    for each in form:
        yield each
        if isinstance(each, list):
            yield from within(each)


def test_the_profile_is_the_one_that_was_reviewed(profile: str) -> None:
    """If a change is meant, write the new text over the snapshot."""
    assert profile == SNAPSHOT.read_text(encoding="utf-8")


def test_it_is_well_formed_and_denies_what_it_does_not_name(profile: str) -> None:
    found = forms(profile)
    assert found[0] == ["version", 1]
    assert found[1] == ["deny", "default"]
    assert {form[0] for form in found} == {"version", "deny", "allow", "import"}
    assert all(isinstance(form, list) and len(form) >= 2 for form in found)
    assert all(form[0] == "import" or isinstance(form[1], str) for form in found[2:])


def test_it_opens_no_way_out(profile: str) -> None:
    allowed = [form for form in forms(profile) if form[0] == "allow"]
    names = {form[1] for form in allowed}
    assert not [name for name in names if name.startswith(("network-outbound", "network*", "mach"))]
    assert names & {"process-fork", "file-write*", "file-read*"} == {"file-read*"}
    hosts = [form[2][2] for form in allowed if form[1].startswith("network")]
    assert hosts
    assert all(re.fullmatch(r"localhost:\d+", host) for host in hosts)  # any other does not parse


def test_what_it_writes_is_only_scratch(profile: str) -> None:
    writing = [
        form
        for form in forms(profile)
        if form[0] == "allow" and any(str(each).startswith("file-write") for each in within(form))
    ]
    assert writing == [
        ["allow", "file-write-data", ["literal", "/dev/null"]],
        ["allow", "file-read*", "file-write*", ["subpath", ["param", "SCRATCH"]]],
    ]


def test_a_port_that_the_system_chooses() -> None:
    assert '(allow network-bind (local ip "localhost:*"))' in seatbelt.written([], [0])


def test_elsewhere_it_says_that_it_is_not_there() -> None:
    (offer,) = [offer for offer in available() if offer.name == "seatbelt"]
    assert (offer.problem is None) == (sys.platform == "darwin")


@pytest.mark.macos
@pytest.mark.skipif(sys.platform != "darwin", reason="takes macOS")
def test_nothing_gets_out_on_macos(tmp_path: Path) -> None:
    program, home = tmp_path / "hostile", tmp_path / "home"
    source = Path(__file__).parent / "hostile_macos.c"
    subprocess.run(["cc", "-o", program, source], check=True)
    home.mkdir()
    (home / "secret").write_text("the secret")
    port, other = (first := free_range(2)), first + 1
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
        subprocess.Popen(["/bin/sleep", "60"]) as victim,
    ):
        facts = {
            "victim": victim.pid,
            "victim_port": four.getsockname()[1],
            "victim_port6": six.getsockname()[1],
            "victim_unix": "/var/run/syslog",
            "port": port,
            "other_port": other,
            "home": home,
            "secret": home / "secret",
            "project": ROOT / "README.md",
        }
        words = [f"{name}={value}" for name, value in facts.items()]
        with launch(Policy([str(program), *words], ports=[port]), "seatbelt") as handle:
            code = handle.wait(30.0)
        victim.terminate()
    assert code == 0, handle.said
    said = [line.split() for line in handle.said]
    assert said.pop() == ["done"]
    assert said.pop() == ["port", "mine"]
    assert [name for name, result in said if result != "blocked"] == []
