"""A PostgreSQL server of the tests' own, on a free port, for as long as it is needed."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = [Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt/postgresql")]


def program(name: str) -> str:
    """Where it is; the test is skipped where it is missing."""
    pytest.importorskip("psycopg")
    found = shutil.which(name)
    places = [path for root in PROGRAMS for path in sorted(root.glob(f"*/bin/{name}"))]
    if found is None and not places:
        pytest.skip(f"PostgreSQL's {name} is missing")
    return found or str(places[-1])


class PostgresServer:
    """Started and stopped as a test likes; its data stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"postgresql://flb:secret@127.0.0.1:{self.port}/postgres"
        self._user = "nobody" if os.geteuid() == 0 else None  # the server refuses to be root
        self._running = False
        folder.mkdir()
        password = folder / "password"
        password.write_text("secret")
        if self._user:
            shutil.chown(folder, self._user)
            shutil.chown(password, self._user)
        auth = ["--auth=scram-sha-256", f"--pwfile={password}", "--username=flb"]
        data = ["--pgdata", str(folder / "data"), "--encoding=UTF8", "--locale=C"]
        self._run([program("initdb"), *data, *auth, "--no-sync"])

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -F"
        log = ["-l", str(self.folder / "log")]
        self._pg_ctl("start", *log, "-o", options)
        self._running = True

    def stop(self) -> None:
        if self._running:
            self._pg_ctl("stop", "-m", "immediate")
        self._running = False

    def _pg_ctl(self, *arguments: str) -> None:
        self._run([program("pg_ctl"), "-D", str(self.folder / "data"), "-w", *arguments])

    def _run(self, command: Sequence[str]) -> None:
        subprocess.run(
            command,
            check=True,
            cwd="/",
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def running(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])
