"""The access log: one JSON object for each request."""

import sys
import time
from pathlib import Path
from typing import TextIO

import orjson

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.proxy.http1 import Exchange
from flaky_load_balancer.proxy.request import Request

STDOUT = "-"


class AccessLog:
    """Written line by line to a file, which ``reopen`` finds again after a rotation."""

    def __init__(self, where: str | None) -> None:
        self._where = where
        self._file: TextIO | None = None
        self.reopen()

    def reopen(self) -> None:
        self.close()
        if self._where == STDOUT:
            self._file = sys.stdout
        elif self._where is not None:
            try:
                self._file = Path(self._where).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115
            except OSError as error:
                raise UserError(f"--access-log {self._where}: {error.strerror}") from None

    def note(
        self,
        exchange: Exchange,
        began: float,
        request_id: bytes | None,
        route: str | None,
        *,
        server: str | None = None,
        request: Request | None = None,
    ) -> None:
        """A request has ended; ``began`` in seconds since the epoch, no ``route`` took some."""
        if self._file is None:
            return
        head, ending = exchange.head, None if request is None else str(request.ending)
        if request is None and exchange.gone:
            ending = str(Ending.ABANDONED)
        entry = {
            "time": began,
            "id": None if request_id is None else request_id.decode("latin-1"),
            "client": exchange.peer,
            "method": head.method.decode("latin-1"),
            "host": head.host.decode("latin-1"),
            "path": head.path.decode("latin-1"),
            "route": route,
            "status": exchange.status,
            "bytes": exchange.written,
            "seconds": round(time.time() - began, 6),
            "server": server,
            "attempts": 0 if request is None else request.attempts,
            "ending": ending,
        }
        print(orjson.dumps(entry).decode(), file=self._file, flush=self._where == STDOUT)

    def close(self) -> None:
        if self._file is not None and self._file is not sys.stdout:
            self._file.close()
        self._file = None
