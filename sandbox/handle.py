"""Launch a program in the sandbox, hear what it says, see that it is gone."""

import marshal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Self

from sandbox.machine import SandboxError, choose
from sandbox.policy import ANY_PORT, Policy
from sandbox.text import plain
from sandbox.warden.run import FAILED

REMEMBERED, SHOWN, LONGEST = 1000, 20, 1000  # lines of output, of those in errors; bytes of each
BEYOND_GRACE = 8.0  # seconds that the warden has to end everything
WARDEN = (
    *(sys.executable, "-I", "-S", "-c"),
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r});"
    " from sandbox.warden.__main__ import main; main()",
)


def message(policy: Policy, backend: str) -> bytes:
    """What ``WARDEN`` has to read on its stdin, which then stays open as long as we live."""
    plan = marshal.dumps(policy.plan(backend))
    return len(plan).to_bytes(4, "big") + plan


def launch(policy: Policy, backend: str = "auto") -> "Handle":
    """Start the policy's program, confined.  SandboxError if this machine has no such sandbox."""
    return Handle(policy, choose(backend))


class Handle:
    """One program in the sandbox."""

    def __init__(self, policy: Policy, backend: str) -> None:
        self.policy = policy
        self.backend = backend
        self._tail: deque[str] = deque(maxlen=REMEMBERED)
        pipe = subprocess.PIPE
        self._warden = subprocess.Popen(
            WARDEN,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            env={},
            start_new_session=True,
        )
        assert self._warden.stdin is not None  # both are pipes
        assert self._warden.stdout is not None
        self._warden.stdin.write(message(policy, backend))
        self._warden.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=[self._warden.stdout], daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the warden."""
        return self._warden.pid

    @property
    def said(self) -> list[str]:
        """The last lines that it, or the warden, printed."""
        return list(self._tail)

    def ready(self, within: float = 30.0) -> None:
        """Wait until every port accepts connections; SandboxError if it ends before or does not."""
        until = time.monotonic() + within
        for port in self.policy.ports:
            while port != ANY_PORT and not _accepts(port):
                if self._warden.poll() is not None:
                    raise SandboxError(f"it ended (exit code {self.wait()}){self._last_lines()}")
                if time.monotonic() > until:
                    late = f"port {port} did not answer after {within:g} s"
                    raise SandboxError(f"{late}{self._last_lines()}")
                time.sleep(0.005)

    def wait(self, within: float | None = None) -> int:
        """Its exit code once all of it is gone (128 + n: signal n); TimeoutError if it is not."""
        try:
            code = self._warden.wait(within)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"it still runs after {within} s") from None
        self._reader.join()
        if code == FAILED:
            raise SandboxError(f"nothing was run{self._last_lines()}")
        return code

    def stop(self) -> None:
        """Ask it to end, make it end, and wait until all of it is gone."""
        if self._warden.poll() is None:
            self._warden.terminate()
            try:
                self._warden.wait(self.policy.grace + BEYOND_GRACE)
            except subprocess.TimeoutExpired:
                self._warden.kill()  # the inner warden notices
                self._warden.wait()
        self._reader.join()
        for pipe in (self._warden.stdin, self._warden.stdout):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, stream: IO[bytes]) -> None:
        while line := stream.readline(LONGEST):
            self._tail.append(plain(line.decode(errors="replace").rstrip()))

    def _last_lines(self) -> str:
        self._reader.join(1.0)
        if not self._tail:
            return "; it printed nothing"
        return "; the last lines it printed:\n" + "\n".join(
            f"  {line}" for line in self.said[-SHOWN:]
        )


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
