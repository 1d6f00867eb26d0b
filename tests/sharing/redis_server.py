"""A Redis server of the tests' own, on a free port, for as long as it is needed."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

PROGRAMS = "redis-server", "valkey-server"
PATIENCE = 10.0  # seconds


def program() -> str:
    """Where it is; the test is skipped where it is missing."""
    pytest.importorskip("redis")
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("redis-server is missing")
    return found


class RedisServer:
    """Started, stopped, frozen and emptied as a test likes."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self.port = _free_port()
        login = f":{password}@" if password else ""
        self.url = f"redis://{login}127.0.0.1:{self.port}/0"
        self._password, self._folder = password, folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        locked = ["--requirepass", self._password] if self._password else []
        command = [program(), *where, "--save", "", "--appendonly", "no", *locked, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self.answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It accepts and never answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> Any:
        from redis import Redis  # noqa: PLC0415 (where it is installed)

        with Redis.from_url(self.url, socket_timeout=PATIENCE) as client:
            return client.execute_command(*words)

    def answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except OSError:
            return False
        except Exception as error:
            return "NOAUTH" in str(error) or "WRONGPASS" in str(error)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def redis_server(folder: Path, *options: str, password: str | None = None) -> Iterator[RedisServer]:
    """One that runs."""
    server = RedisServer(folder, password)
    server.start(*options)
    try:
        yield server
    finally:
        server.stop()


def until(holds: Any) -> None:
    """Wait until it does."""
    end = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < end, "it never came"
        sleep(0.02)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


__all__: Sequence[str] = ("RedisServer", "redis_server", "until")
