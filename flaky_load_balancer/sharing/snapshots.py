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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
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


@dataclass(frozen=True)
class Heard:
    """What of all that replicas told is in a state: up to where a stream was read, and by sender,
    in hexadecimal, the number of the first fact that is not.
    """

    position: str | None = None
    seen: Mapping[str, int] = field(default_factory=dict)


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

    def save(
        self,
        route: str,
        state: State,
        servers: Sequence[str],
        now: float,
        heard: Heard | None = None,
    ) -> None:
        """Write what a route has learnt of these servers; ``now`` in seconds since the epoch."""
        self.write(route, packed(route, state, servers, now, heard))

    def write(self, route: str, snapshot: bytes) -> None:
        """Put a packed one in the place of the one before."""
        path = self.path(route)
        fresh = path.with_name(f"{path.name}.new")
        with fresh.open("wb") as file:
            file.write(snapshot)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def read(self, route: str) -> bytes | None:
        """What is written there, if anything is."""
        path = self.path(route)
        return path.read_bytes() if path.exists() else None

    def load(
        self, route: str, strategy: Strategy, rules: Rules, servers: Sequence[str]
    ) -> Heard | None:
        """Give a strategy, just reset, what its route had learnt; None if there was nothing."""
        try:
            found = self.read(route)
            return None if found is None else given(found, strategy, rules, servers)
        except (StateError, OSError) as error:
            self.put_aside(route, error)
            return None

    def put_aside(self, route: str, why: Exception) -> None:
        """It cannot be used."""
        path = self.path(route)
        aside = path.with_name(path.name + ASIDE)
        log.warning(
            "what route %s had learnt cannot be used, and is put aside as %s: %s", route, aside, why
        )
        path.replace(aside)

    def forget(self) -> None:
        """Put aside what was learnt, of all routes: ``--fresh``."""
        for path in self.folder.iterdir():
            if path.name != "lock" and path.suffix not in {ASIDE, ".new"}:
                path.replace(path.with_name(path.name + ASIDE))


def packed(
    route: str, state: State, servers: Sequence[str], now: float, heard: Heard | None = None
) -> bytes:
    """A snapshot as bytes."""
    payload = state.to_bytes()
    about = {
        "version": VERSION,
        "route": route,
        "strategy": state.strategy,
        "servers": list(servers),
        "saved": now,
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    if heard is not None:
        about |= {"position": heard.position, "seen": dict(heard.seen)}
    return json.dumps(about).encode() + b"\n" + payload


def given(snapshot: bytes, strategy: Strategy, rules: Rules, servers: Sequence[str]) -> Heard:
    """Give a strategy, just reset, what is in a snapshot; StateError if it cannot be used."""
    about, state = _unpacked(snapshot)
    _require_alike(about, strategy)
    heard = _heard(about)
    transfer(state, about["servers"], strategy, rules, servers)
    return heard


def saved(snapshot: bytes | None) -> float:
    """When it was made, in seconds since the epoch; before all others if there is none."""
    try:
        return float(json.loads((snapshot or b"").partition(b"\n")[0])["saved"])
    except (ValueError, KeyError, TypeError):
        return -inf


def _unpacked(snapshot: bytes) -> tuple[dict[str, Any], State]:
    head, _, payload = snapshot.partition(b"\n")
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


def _heard(about: dict[str, Any]) -> Heard:
    """What a snapshot says of replicas; of one that was alone nothing."""
    position, seen = about.get("position"), about.get("seen", {})
    try:
        numbers = {f"{int(sender, 16):x}": int(number) for sender, number in seen.items()}
        if position is not None:
            milliseconds, number = map(int, position.split("-"))
            position = f"{milliseconds}-{number}"
    except (ValueError, AttributeError, TypeError):
        raise StateError("it is damaged") from None
    return Heard(position, numbers)


def _require_alike(about: dict[str, Any], strategy: Strategy) -> None:
    if about["strategy"] != repr(strategy):
        raise StateError(f"it is of the strategy {about['strategy']}, not {strategy!r}")
