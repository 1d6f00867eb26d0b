"""The users that a sandbox is tried as (root, where we are root, and an ordinary one), and how."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from sandbox import available

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0  # seconds: test machines are small and busy
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="takes root")
USERS = [pytest.param("root", marks=ROOT_ONLY), "ordinary"]
OFFERS = {offer.name: offer.problem for offer in available()}
LINUX = [
    pytest.param(
        name, marks=pytest.mark.skipif(bool(OFFERS[name]), reason=f"{name}: {OFFERS[name]}")
    )
    for name in ("bubblewrap", "landlock")
]
every_backend = pytest.mark.parametrize("backend", LINUX)
every_user = pytest.mark.parametrize("who", USERS)


def as_user(who: str, *folders: Path) -> Callable[[], None] | None:
    """What a child has to do to be that user, find Python and us, and own these folders."""
    if who == "root" or os.getuid() != 0:
        return None
    from sandbox.linux import kernel, root  # noqa: PLC0415 (there is none on macOS)

    user = root.some_user()
    needed = [str(ROOT), sys.prefix, sys.base_prefix, *map(str, folders)]

    def become() -> None:
        kernel.own_mounts()
        root.let_in(needed)
        for path in [each for folder in folders for each in (folder, *folder.rglob("*"))]:
            os.chown(path, user, user, follow_symlinks=False)
        root.give_up(user)

    return become


def compile_hostile(folder: Path) -> Path:
    """The hostile program; without a compiler, the test is skipped."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here: apt-get install gcc libc6-dev")
    program = folder / "hostile"
    source = Path(__file__).parent / "hostile.c"
    subprocess.run([compiler, "-O1", "-o", program, source, "-pthread", "-lrt"], check=True)
    program.chmod(0o755)
    return program


class Launched:
    """``driver.py`` at work as some user."""

    def __init__(self, process: "subprocess.Popen[str]", asked: dict[str, Any]) -> None:
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        self.process = process
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        self.tell(json.dumps(asked))
        self.warden = int(self.hear()["warden"])

    def tell(self, line: str) -> None:
        self._in.write(line + "\n")
        self._in.flush()

    def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self._out.readline())
        return heard


@contextmanager
def launched(who: str, folder: Path, **asked: Any) -> Iterator[Launched]:
    """The driver as that user with that folder as its own, told to launch what is asked."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox.driver", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment | {"HOSTILE_SECRET": "1", "HOME": str(folder), "TMPDIR": str(folder)},
        preexec_fn=as_user(who, folder),  # noqa: PLW1509 (of a child that does little else)
        start_new_session=True,
    ) as process:
        try:
            yield Launched(process, asked)
        finally:
            process.kill()


def outcome(who: str, folder: Path, **asked: Any) -> dict[str, Any]:
    """What came of it, from start to end."""
    with launched(who, folder, **asked) as started:
        return started.hear()
