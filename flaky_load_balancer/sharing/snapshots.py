"""What each route has learnt, on disk: ``DATA_DIR/state/ROUTE``.

A file is a line of JSON about it, and then the state as the bytes of an ``.npz`` file, whose hash
is in that line; nothing in it is ever unpickled.  It is written beside the one before and then put
in its place, so that a crash at any moment leaves a whole one.  What is damaged, or of another
version or strategy, is put aside with a warning, and the route begins anew.

Servers are matched by what they are called: new ones begin unknown, gone ones are forgotten.
"""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.state import State, StateError, transfer
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Rules

VERSION = 1  # of the file; another one is not read
PERIOD = 10.0  # seconds between two times of writing: what a crash can lose
ASIDE = ".aside"
log = logging.getLogger(__name__)


class DataDirInUseError(UserError):
    """Another balancer keeps what it learns in this data directory."""


class Snapshots:
    """The states of a data directory, which one process has to itself while this is entered."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "state"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise DataDirInUseError(
                f"--data-dir {self.folder.parent}: another flb serve keeps there what it learns;"
                " give this one a --data-dir of its own"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def path(self, route: str) -> Path:
        """Where the state of a route is."""
        return self.folder / quote(route, safe="")

    def save(self, route: str, state: State, servers: Sequence[str], now: float) -> None:
        """Write what a route has learnt of these servers; ``now`` in seconds since the epoch."""
        payload = state.to_bytes()
        about = {
            "version": VERSION,
            "route": route,
            "strategy": state.strategy,
            "servers": list(servers),
            "saved": now,
            "sha256": hashlib.sha256(payload).hexdigest(),
        }
        path = self.path(route)
        fresh = path.with_name(f"{path.name}.new")
        with fresh.open("wb") as file:
            file.write(json.dumps(about).encode() + b"\n" + payload)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self, route: str, strategy: Strategy, rules: Rules, servers: Sequence[str]) -> bool:
        """Give a strategy, just reset, what its route had learnt; whether there was anything."""
        path = self.path(route)
        try:
            about, state = _read(path)
            _require_alike(about, strategy)
            transfer(state, about["servers"], strategy, rules, servers)
        except FileNotFoundError:
            return False
        except (StateError, OSError) as error:
            aside = path.with_name(path.name + ASIDE)
            log.warning(
                "what route %s had learnt cannot be used, and is put aside as %s: %s",
                route,
                aside,
                error,
            )
            path.replace(aside)
            return False
        return True

    def forget(self) -> None:
        """Put aside what was learnt, of all routes: ``--fresh``."""
        for path in self.folder.iterdir():
            if path.name != "lock" and path.suffix not in {ASIDE, ".new"}:
                path.replace(path.with_name(path.name + ASIDE))


def _read(path: Path) -> tuple[dict[str, Any], State]:
    head, _, payload = path.read_bytes().partition(b"\n")
    try:
        about = json.loads(head)
        version, sha256 = about["version"], about["sha256"]
        servers = about["servers"]
    except (ValueError, KeyError, TypeError):
        raise StateError("it is damaged") from None
    if version != VERSION:
        raise StateError(f"it is of version {version}, and this flb reads version {VERSION}")
    if hashlib.sha256(payload).hexdigest() != sha256 or not isinstance(servers, list):
        raise StateError("it is damaged")
    return about, State.from_bytes(payload)


def _require_alike(about: dict[str, Any], strategy: Strategy) -> None:
    if about["strategy"] != repr(strategy):
        raise StateError(f"it is of the strategy {about['strategy']}, not {strategy!r}")
