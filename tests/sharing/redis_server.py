"""A Redis or Valkey server of the tests' own, on a free port, for as long as it is needed."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import pytest

PROGRAMS = "redis-server", "valkey-server"
PATIENCE = 10.0  # seconds


def program(*names: str) -> str:
    """Where the first of these is that is there; the test is skipped where none is."""
    pytest.importorskip("redis")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is missing")
    return found


class Certificate(NamedTuple):
    """Of 127.0.0.1 and of whoever connects from there, signed by itself."""

    cert: Path
    key: Path


def certificate(folder: Path, name: str = "IP:127.0.0.1") -> Certificate:
    """A new one; the test is skipped where the program for it is missing."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=redis", "-addext", f"subjectAltName={name}"]
    command += ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True)
    return made


class RedisServer:
    """Started, stopped, frozen and emptied as a test likes."""

    def __init__(
        self,
        folder: Path,
        password: str | None = None,
        certificate: Certificate | None = None,
        programs: Sequence[str] = PROGRAMS,
    ) -> None:
        self._program = program(*programs)
        self.port = _free_port()
        login = f":{password}@" if password else ""
        self.url = f"redis://{login}127.0.0.1:{self.port}/0"
        if certificate is not None:
            files = f"ssl_ca_certs={certificate.cert}&ssl_certfile={certificate.cert}"
            self.url = f"rediss{self.url[5:]}?{files}&ssl_keyfile={certificate.key}"
        self._password, self._folder, self._certificate = password, folder, certificate
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        where = [*self._encrypted(), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        locked = ["--requirepass", self._password] if self._password else []
        command = [self._program, *where, "--save", "", "--appendonly", "no", *locked, *options]
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
            return any(each in str(error) for each in ("NOAUTH", "WRONGPASS", "CERTIFICATE"))

    def _encrypted(self) -> list[str]:
        """Where it listens, and with TLS that it asks for a certificate, too."""
        if self._certificate is None:
            return ["--port", str(self.port)]
        cert, key = map(str, self._certificate)
        files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert]
        return ["--port", "0", "--tls-port", str(self.port), *files]

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def redis_server(
    folder: Path,
    *options: str,
    password: str | None = None,
    certificate: Certificate | None = None,
    programs: Sequence[str] = PROGRAMS,
) -> Iterator[RedisServer]:
    """One that runs; over TLS only, where it has a certificate."""
    server = RedisServer(folder, password, certificate, programs)
    try:
        server.start(*options)
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
